//! Signed tokens in their compact form (RFC 7515, section 7.1), before their signature is checked.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{algorithm::Algorithm, error::TokenError, json::Object};

/// The longest token that is read. Clerk keeps session tokens under 4 KiB, the limit of the cookie that they
/// travel in, and those of Kubernetes have about 1 KiB; this leaves room for claims of one's own.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Members that bring a key or say where one is: a verifier that follows them trusts the forger.
const EMBEDDED_KEYS: [&str; 4] = ["jwk", "jku", "x5u", "x5c"];

/// What tokens of one kind look like.
#[derive(Clone, Copy, Debug)]
pub struct TokenFormat {
    /// What they may be signed with.
    pub algorithms: &'static [Algorithm],
    /// The `typ` that they may have, to the letter.
    pub types: &'static [&'static str],
    /// Whether `typ` may be left out.
    pub type_is_optional: bool,
}

/// A token of the right form. Nothing in it is to be believed before its signature is checked.
pub struct UnverifiedToken<'a> {
    signed: &'a str,
    signature: &'a str,
    algorithm: Algorithm,
    key_id: Option<String>,
    header: Object,
    claims: Object,
}

impl<'a> UnverifiedToken<'a> {
    /// Takes the token apart and checks its form and its header (RFC 7515, section 4.1).
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn parse(token: &'a str, format: &TokenFormat) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLarge);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        // A fourth part would leave a dot in the claims, which is not base64url.
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let has_length = {
            let length = decode(signature)?.len();
            move |algorithm: Algorithm| algorithm.signature_bytes().contains(&length)
        };
        // Where there is one algorithm, its length is known before the header is read.
        if matches!(format.algorithms, [only] if !has_length(*only)) {
            return Err(TokenError::Malformed);
        }
        let header = object(header)?;
        let algorithm = algorithm(&header, format)?;
        let key_id = key_id(&header)?;
        if !has_length(algorithm) {
            return Err(TokenError::Malformed);
        }
        Ok(Self { signed, signature, algorithm, key_id, header, claims: object(claims)? })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Object {
        &self.header
    }

    /// The claims.
    #[must_use]
    pub const fn claims(&self) -> &Object {
        &self.claims
    }

    /// What it says that it is signed with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`, where there is one.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// What the signature is over.
    pub(crate) const fn signed(&self) -> &str {
        self.signed
    }

    /// The signature in base64url.
    pub(crate) const fn signature(&self) -> &str {
        self.signature
    }
}

/// `iss` as the token writes it, whatever else it holds: says who is to be asked about the token, and is not to
/// be believed.
pub(crate) fn claimed_issuer(token: &str) -> Option<String> {
    if token.len() > MAX_TOKEN_BYTES {
        return None;
    }
    let claims = object(token.split('.').nth(1)?).ok()?;
    claims.text("iss").map(str::to_owned)
}

fn algorithm(header: &Object, format: &TokenFormat) -> Result<Algorithm, TokenError> {
    let name = header.text("alg");
    let algorithm = format.algorithms.iter().find(|algorithm| name == Some(algorithm.name()));
    let algorithm = *algorithm.ok_or(TokenError::Algorithm)?;
    let is_accepted = |kind: &Value| format.types.iter().any(|accepted| kind == accepted);
    if !header.get("typ").map_or(format.type_is_optional, is_accepted) {
        return Err(TokenError::Type);
    }
    if header.get("crit").is_some() {
        return Err(TokenError::CriticalExtension);
    }
    if EMBEDDED_KEYS.iter().any(|name| header.get(name).is_some()) {
        return Err(TokenError::EmbeddedKey);
    }
    Ok(algorithm)
}

fn key_id(header: &Object) -> Result<Option<String>, TokenError> {
    match header.get("kid") {
        None => Ok(None),
        Some(Value::String(id)) if !id.is_empty() => Ok(Some(id.clone())),
        Some(_) => Err(TokenError::KeyId),
    }
}

fn object(part: &str) -> Result<Object, TokenError> {
    Object::parse(&decode(part)?).ok_or(TokenError::Malformed)
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: TokenFormat =
        TokenFormat { algorithms: &[Algorithm::Rs256], types: &["JWT"], type_is_optional: false };

    fn parts() -> (String, String, String) {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        (header, URL_SAFE_NO_PAD.encode("{}"), URL_SAFE_NO_PAD.encode([0; 256]))
    }

    #[test]
    fn a_token_has_three_parts() {
        let (header, claims, signature) = parts();
        let good = format!("{header}.{claims}.{signature}");
        assert_eq!(UnverifiedToken::parse(&good, &FORMAT).err(), None);
        for token in [
            String::new(),
            "..".to_owned(),
            header.clone(),
            format!("{header}.{claims}"),
            format!("{header}.{claims}."),
            format!("{header}..{signature}"),
            format!(".{claims}.{signature}"),
            format!("{header}.{claims}.{claims}.{signature}"),
            format!("{good}."),
            format!(".{good}"),
        ] {
            assert_eq!(UnverifiedToken::parse(&token, &FORMAT).err(), Some(TokenError::Malformed), "{token}");
        }
    }
}
