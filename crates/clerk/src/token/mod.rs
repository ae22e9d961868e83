//! The token itself: its form, its header and its claims. Nothing here needs a key.

mod claims;
mod header;
mod organization;

use capykeys_jwks::{Algorithm, Compact};

pub(crate) use self::claims::Claims;
use self::header::Header;
use crate::refusal::Refusal;

/// Session tokens are kept under 4 KiB, the limit of the cookie that they travel in; four times
/// that leaves room for custom claims.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A token of the right form and with an acceptable header. Its signature is not checked yet.
pub(crate) struct UnverifiedToken<'a> {
    compact: Compact<'a>,
    key_id: Option<String>,
    claims: Claims,
}

impl<'a> UnverifiedToken<'a> {
    /// Takes the token apart and checks what can be seen in it alone.
    pub(crate) fn parse(token: &'a str) -> Result<Self, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLarge);
        }
        let compact = Compact::split(token).ok_or(Refusal::Malformed)?;
        let lengths = Algorithm::Rs256.signature_bytes();
        if !compact.signature_bytes().is_some_and(|length| lengths.contains(&length)) {
            return Err(Refusal::Malformed);
        }
        let key_id = Header::parse(&compact.header().ok_or(Refusal::Malformed)?)?.key_id;
        let claims = Claims::parse(&compact.claims().ok_or(Refusal::Malformed)?)?;
        Ok(Self { compact, key_id, claims })
    }

    /// The token in its parts, for the check of its signature.
    pub(crate) const fn compact(&self) -> &Compact<'a> {
        &self.compact
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

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

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
