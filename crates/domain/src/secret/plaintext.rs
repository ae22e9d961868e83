//! The secret itself.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

use super::BroughtDigest;

/// The plaintext of an API key.
///
/// Only [`KeyFormat`](super::KeyFormat) and [`KeyTexts`](super::KeyTexts) make one. It is wiped when dropped, cannot be cloned nor
/// serialised, and shows nothing of itself under `{:?}`. [`PlaintextKey::expose`] is the one way
/// out: every place that calls it is a place to review.
pub struct PlaintextKey {
    text: Zeroizing<String>,
    /// What a digest is made of in the place of a secret that was made elsewhere.
    brought: Option<BroughtDigest>,
}

impl PlaintextKey {
    pub(super) const fn new(text: Zeroizing<String>) -> Self {
        Self { text, brought: None }
    }

    pub(super) fn brought(text: Zeroizing<String>) -> Self {
        let brought = Some(BroughtDigest::of(&text));
        Self { text, brought }
    }

    /// Whether it was made elsewhere.
    #[must_use]
    pub const fn is_brought(&self) -> bool {
        self.brought.is_some()
    }

    /// Its hash, where it was made elsewhere.
    #[must_use]
    pub const fn as_brought(&self) -> Option<&BroughtDigest> {
        self.brought.as_ref()
    }

    /// What is hashed with a pepper. Never the same for two keys, however they were made: one that is made here is no 32 bytes
    /// long.
    pub(super) fn hashed(&self) -> &[u8] {
        self.brought.as_ref().map_or(self.text.as_bytes(), |digest| digest.as_bytes())
    }

    /// The secret, to be sent to its owner once or to be hashed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for PlaintextKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlaintextKey(…)")
    }
}
