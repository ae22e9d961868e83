//! JWK sets (RFC 7517, section 5).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

use super::key::VerificationKey;
use crate::{refusal::Refusal, token::UnverifiedToken};

/// More keys than any instance has; what follows them is left out.
const MAX_KEYS: usize = 16;

/// Why an answer is not used as a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeySetError {
    #[error("the answer is no JWK set")]
    Malformed,
    #[error("the set has no key for RS256 signatures")]
    Empty,
}

/// The keys of an instance, by `kid`. Several may share one: Clerk's is the instance's id, so
/// that a rotation may keep it.
pub(crate) struct KeySet(Vec<(String, VerificationKey)>);

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    n: String,
    e: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
}

impl KeySet {
    /// Reads the set key by key: one that cannot be used here does not spoil the others.
    pub(super) fn parse(text: &[u8]) -> Result<Self, KeySetError> {
        let set: Jwks = serde_json::from_slice(text).map_err(|_| KeySetError::Malformed)?;
        let keys: Vec<_> = set.keys.into_iter().filter_map(parse_key).take(MAX_KEYS).collect();
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self(keys)) }
    }

    /// How many keys there are.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the token is signed with a key of this id.
    pub(crate) fn check(&self, key_id: &str, token: &UnverifiedToken<'_>) -> Result<(), Refusal> {
        let mut refusal = Refusal::UnknownKey;
        for (_, key) in self.0.iter().filter(|(id, _)| id == key_id) {
            if key.has_signed(token) {
                return Ok(());
            }
            refusal = Refusal::Signature;
        }
        Err(refusal)
    }
}

fn parse_key(jwk: Value) -> Option<(String, VerificationKey)> {
    let jwk: Jwk = serde_json::from_value(jwk).ok()?;
    let may_verify = jwk.kty == "RSA"
        && jwk.usage.is_none_or(|usage| usage == "sig")
        && jwk.alg.is_none_or(|algorithm| algorithm == "RS256")
        && jwk.key_ops.is_none_or(|operations| operations.iter().any(|name| name == "verify"));
    if !may_verify || jwk.kid.is_empty() {
        return None;
    }
    let modulus = URL_SAFE_NO_PAD.decode(jwk.n).ok()?;
    let exponent = URL_SAFE_NO_PAD.decode(jwk.e).ok()?;
    Some((jwk.kid, VerificationKey::from_components(&modulus, &exponent)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(kid: &str) -> Value {
        json!({"kty": "RSA", "kid": kid, "n": URL_SAFE_NO_PAD.encode([0xff; 256]), "e": "AQAB"})
    }

    fn key_with(name: &str, value: Value) -> Value {
        let mut key = key("odd");
        key[name] = value;
        key
    }

    fn key_ids(keys: &[Value]) -> Vec<String> {
        let text = json!({ "keys": keys }).to_string();
        KeySet::parse(text.as_bytes())
            .map(|set| set.0.into_iter().map(|(id, _)| id).collect())
            .unwrap_or_default()
    }

    #[test]
    fn odd_keys_are_left_out_and_the_others_kept() {
        let odd = [
            json!(null),
            json!("key"),
            json!({}),
            key_with("kty", json!("EC")),
            key_with("kty", json!("oct")),
            key_with("use", json!("enc")),
            key_with("use", json!(1)),
            key_with("alg", json!("RS384")),
            key_with("alg", json!("HS256")),
            key_with("key_ops", json!(["encrypt"])),
            key_with("kid", json!("")),
            key_with("kid", json!(null)),
            key_with("n", json!(URL_SAFE_NO_PAD.encode([0xff; 128]))),
            key_with("n", json!("not base64!")),
            key_with("e", json!("AQ")),
            key_with("e", json!("")),
        ];
        for odd in odd {
            assert_eq!(key_ids(&[key("a"), odd.clone(), key("b")]), ["a", "b"], "{odd}");
            assert!(key_ids(std::slice::from_ref(&odd)).is_empty(), "{odd}");
        }
    }

    #[test]
    fn keys_may_say_what_they_are_for() {
        for (name, value) in [
            ("use", json!("sig")),
            ("alg", json!("RS256")),
            ("key_ops", json!(["verify"])),
            ("x5t", json!("anything")),
        ] {
            assert_eq!(key_ids(&[key_with(name, value)]), ["odd"], "{name}");
        }
    }

    #[test]
    fn no_more_than_sixteen_keys_are_kept() {
        let keys: Vec<_> = (0..40).map(|number| key(&number.to_string())).collect();
        assert_eq!(key_ids(&keys).len(), 16);
    }

    #[test]
    fn a_set_without_a_usable_key_is_an_error() {
        assert_eq!(KeySet::parse(br#"{"keys":[]}"#).err(), Some(KeySetError::Empty));
        for text in ["", "[]", "{}", "null", r#"{"keys":{}}"#, "<html>", r#"{"keys":["#] {
            assert_eq!(KeySet::parse(text.as_bytes()).err(), Some(KeySetError::Malformed), "{text}");
        }
    }
}
