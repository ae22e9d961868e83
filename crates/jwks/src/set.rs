//! JWK sets (RFC 7517, section 5).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

use crate::{algorithm::Algorithm, error::TokenError, key::VerificationKey, token::UnverifiedToken};

/// More keys than any issuer has; what follows them is left out.
const MAX_KEYS: usize = 16;

/// Why an answer is not used as a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeySetError {
    #[error("the answer is no JWK set")]
    Malformed,
    #[error("the set has no key for {} signatures", names(.0))]
    Empty(&'static [Algorithm]),
}

fn names(algorithms: &[Algorithm]) -> String {
    algorithms.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(" or ")
}

/// The keys of an issuer, by `kid`. Several may share one: Clerk's is the instance's id, so
/// that a rotation may keep it.
pub(crate) struct KeySet(Vec<(String, VerificationKey)>);

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kid: String,
    #[serde(flatten)]
    numbers: Numbers,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
}

/// What a key is made of (RFC 7518, section 6), in base64url.
#[derive(Deserialize)]
#[serde(tag = "kty")]
enum Numbers {
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
    #[serde(rename = "EC")]
    Curve { crv: String, x: String, y: String },
}

impl KeySet {
    /// Reads the keys for these algorithms one by one: one that cannot be used here does not spoil
    /// the others.
    pub(crate) fn parse(text: &[u8], algorithms: &'static [Algorithm]) -> Result<Self, KeySetError> {
        let set: Jwks = serde_json::from_slice(text).map_err(|_| KeySetError::Malformed)?;
        let keys = set.keys.into_iter().filter_map(parse_key);
        let keys = keys.filter(|(_, key)| algorithms.contains(&key.algorithm()));
        let keys: Vec<_> = keys.take(MAX_KEYS).collect();
        if keys.is_empty() { Err(KeySetError::Empty(algorithms)) } else { Ok(Self(keys)) }
    }

    /// How many keys there are.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Checks that the token is signed with a key of this id and for its algorithm.
    pub(crate) fn check(&self, key_id: &str, token: &UnverifiedToken<'_>) -> Result<(), TokenError> {
        let mut refusal = TokenError::UnknownKey;
        for (_, key) in self.0.iter().filter(|(id, _)| id == key_id) {
            match key.check(token) {
                Err(error @ TokenError::Signature) => refusal = error,
                Err(_) => {}
                Ok(()) => return Ok(()),
            }
        }
        Err(refusal)
    }
}

fn parse_key(jwk: Value) -> Option<(String, VerificationKey)> {
    let jwk: Jwk = serde_json::from_value(jwk).ok()?;
    let key = match jwk.numbers {
        Numbers::Rsa { n, e } => VerificationKey::from_components(&decode(&n)?, &decode(&e)?)?,
        Numbers::Curve { crv, x, y } if crv == "P-256" => {
            VerificationKey::from_coordinates(&decode(&x)?, &decode(&y)?)?
        }
        Numbers::Curve { .. } => return None,
    };
    let may_verify = jwk.usage.is_none_or(|usage| usage == "sig")
        && jwk.alg.is_none_or(|algorithm| algorithm == key.algorithm().name())
        && jwk.key_ops.is_none_or(|operations| operations.iter().any(|name| name == "verify"));
    (may_verify && !jwk.kid.is_empty()).then_some((jwk.kid, key))
}

fn decode(number: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(number).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RSA_ALONE: &[Algorithm] = &[Algorithm::Rs256];
    const BOTH: &[Algorithm] = &[Algorithm::Rs256, Algorithm::Es256];

    fn key(kid: &str) -> Value {
        json!({"kty": "RSA", "kid": kid, "n": URL_SAFE_NO_PAD.encode([0xff; 256]), "e": "AQAB"})
    }

    fn key_with(name: &str, value: Value) -> Value {
        let mut key = key("odd");
        key[name] = value;
        key
    }

    fn curve_key(kid: &str) -> Value {
        let coordinate = URL_SAFE_NO_PAD.encode([1; 32]);
        json!({"kty": "EC", "kid": kid, "crv": "P-256", "x": coordinate, "y": coordinate})
    }

    fn key_ids(keys: &[Value]) -> Vec<String> {
        key_ids_for(RSA_ALONE, keys)
    }

    fn key_ids_for(algorithms: &'static [Algorithm], keys: &[Value]) -> Vec<String> {
        let text = json!({ "keys": keys }).to_string();
        KeySet::parse(text.as_bytes(), algorithms)
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
        let error = KeySet::parse(br#"{"keys":[]}"#, BOTH).err();
        assert_eq!(error, Some(KeySetError::Empty(BOTH)));
        assert_eq!(error.unwrap().to_string(), "the set has no key for RS256 or ES256 signatures");
        for text in ["", "[]", "{}", "null", r#"{"keys":{}}"#, "<html>", r#"{"keys":["#] {
            assert_eq!(KeySet::parse(text.as_bytes(), BOTH).err(), Some(KeySetError::Malformed), "{text}");
        }
    }

    #[test]
    fn keys_on_a_curve_are_kept_where_they_may_be_used() {
        let with = |name: &str, value: Value| {
            let mut key = curve_key("odd");
            key[name] = value;
            key
        };
        let odd = [
            with("crv", json!("P-384")),
            with("crv", json!("secp256k1")),
            with("alg", json!("RS256")),
            with("x", json!(URL_SAFE_NO_PAD.encode([1; 31]))),
            with("y", json!(null)),
            with("use", json!("enc")),
        ];
        let keys = [&odd[..], &[key("a"), curve_key("b"), with("alg", json!("ES256"))]].concat();
        assert_eq!(key_ids_for(BOTH, &keys), ["a", "b", "odd"]);
        assert_eq!(key_ids(&keys), ["a"]);
    }
}
