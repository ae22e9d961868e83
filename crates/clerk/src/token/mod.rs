//! The token itself: its form, its header and its claims. Nothing here needs a key.

mod claims;
mod header;
mod organization;
mod times;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

pub(crate) use self::claims::Claims;
use self::header::Header;
use crate::{json::Object, refusal::Refusal};

/// Session tokens are kept under 4 KiB, the limit of the cookie that they travel in; four times
/// that leaves room for custom claims.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The lengths of RS256 signatures by the keys that are accepted: 2048 to 8192 bits.
const SIGNATURE_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// A token of the right form and with an acceptable header. Its signature is not checked yet.
pub(crate) struct UnverifiedToken<'a> {
    signed: &'a str,
    signature: &'a str,
    key_id: Option<String>,
    claims: Claims,
}

impl<'a> UnverifiedToken<'a> {
    /// Takes the token apart (RFC 7515, section 7.1) and checks what can be seen in it alone.
    pub(crate) fn parse(token: &'a str) -> Result<Self, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLarge);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        // A fourth part would leave a dot in the payload, which is not base64url.
        let (header, payload) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        if !SIGNATURE_BYTES.contains(&decode(signature)?.len()) {
            return Err(Refusal::Malformed);
        }
        let key_id = Header::parse(&decode_object(header)?)?.key_id;
        let claims = Claims::parse(&decode_object(payload)?)?;
        Ok(Self { signed, signature, key_id, claims })
    }

    /// What the signature is over.
    pub(crate) const fn signed(&self) -> &str {
        self.signed
    }

    /// The signature in base64url.
    pub(crate) const fn signature(&self) -> &str {
        self.signature
    }

    /// The key that the token says it is signed with.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// What the token claims. Not to be believed before the signature is checked.
    pub(crate) const fn claims(&self) -> &Claims {
        &self.claims
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)
}

fn decode_object(part: &str) -> Result<Object, Refusal> {
    Object::parse(&decode(part)?).ok_or(Refusal::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> (String, String, String) {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        let claims = r#"{"iss":"https://a","sub":"user_1","sid":"sess_1","exp":1,"nbf":1,"iat":1,"v":2}"#;
        (header, URL_SAFE_NO_PAD.encode(claims), URL_SAFE_NO_PAD.encode([0; 256]))
    }

    #[test]
    fn a_token_has_three_parts() {
        let (header, claims, signature) = parts();
        let good = format!("{header}.{claims}.{signature}");
        assert_eq!(UnverifiedToken::parse(&good).err(), None);
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
            assert_eq!(UnverifiedToken::parse(&token).err(), Some(Refusal::Malformed), "{token}");
        }
    }
}
