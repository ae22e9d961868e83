//! What a caller signs in with.

use alloc::{borrow::ToOwned, string::String};
use core::fmt;

use zeroize::Zeroizing;

use super::{KeyTexts, PlaintextKey, brought::is_jwt};

/// A bearer token (a session's, a workload's), not yet verified. Wiped when dropped, not shown under `{:?}`.
pub struct BearerToken(Zeroizing<String>);

impl BearerToken {
    /// The token, for the verifier alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

/// What a caller signs in with, told apart by its form alone.
#[derive(Debug)]
pub enum Credential {
    /// An API key of the right form and checksum, or a text that can be one whose secret was made elsewhere.
    ApiKey(PlaintextKey),
    /// Three parts with dots between them: a JWT, to be verified.
    Session(BearerToken),
}

impl Credential {
    /// What `text` can be. `None` where it can be nothing, which is known without asking anybody.
    #[must_use]
    pub fn parse<'f>(texts: impl Into<KeyTexts<'f>>, text: &str) -> Option<Self> {
        let texts = texts.into();
        if !text.starts_with(texts.format.prefix()) && is_jwt(text) {
            return Some(Self::Session(BearerToken(Zeroizing::new(text.to_owned()))));
        }
        texts.parse(text).map(Self::ApiKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::KeyFormat;

    #[test]
    fn a_token_with_the_key_prefix_is_never_taken_for_a_session() {
        let format = KeyFormat::default();
        assert!(Credential::parse(&format, "capy_live_a.b.c").is_none());
        assert!(matches!(Credential::parse(&format, "a.b.c"), Some(Credential::Session(_))));
        for text in ["", "abc", "a.b", "a.b.c.d", "a..c", ".."] {
            assert!(Credential::parse(&format, text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_token_is_told_apart_before_keys_that_were_made_elsewhere() {
        let format = KeyFormat::default();
        let texts = KeyTexts { format: &format, brought: true };
        let of = |text| Credential::parse(texts, text);
        assert!(matches!(of("0123456789.abcdef.xyz"), Some(Credential::Session(_))));
        assert!(matches!(of("0123456789.abcdef"), Some(Credential::ApiKey(key)) if key.is_brought()));
        assert!(of("capy_live_a.b.c0123456789").is_none());
    }
}
