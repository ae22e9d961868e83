//! What a caller signs in with.

use alloc::{borrow::ToOwned, string::String};
use core::fmt;

use zeroize::Zeroizing;

use super::{KeyFormat, PlaintextKey};

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
    /// An API key of the right form and checksum.
    ApiKey(PlaintextKey),
    /// Three parts with dots between them: a JWT, to be verified.
    Session(BearerToken),
}

impl Credential {
    /// What `text` can be. `None` where it can be nothing, which is known without asking anybody.
    #[must_use]
    pub fn parse(format: &KeyFormat, text: &str) -> Option<Self> {
        if text.starts_with(format.prefix()) {
            return format.parse(text).map(Self::ApiKey);
        }
        let is_jwt = text.split('.').count() == 3 && text.split('.').all(|part| !part.is_empty());
        is_jwt.then(|| Self::Session(BearerToken(Zeroizing::new(text.to_owned()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_with_the_key_prefix_is_never_taken_for_a_session() {
        let format = KeyFormat::default();
        assert!(Credential::parse(&format, "capy_live_a.b.c").is_none());
        assert!(matches!(Credential::parse(&format, "a.b.c"), Some(Credential::Session(_))));
        for text in ["", "abc", "a.b", "a.b.c.d", "a..c", ".."] {
            assert!(Credential::parse(&format, text).is_none(), "{text}");
        }
    }
}
