//! The secret itself.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

/// The plaintext of an API key.
///
/// Only [`KeyFormat`](super::KeyFormat) makes one. It is wiped when dropped, cannot be cloned nor
/// serialised, and shows nothing of itself under `{:?}`. [`PlaintextKey::expose`] is the one way
/// out: every place that calls it is a place to review.
pub struct PlaintextKey(Zeroizing<String>);

impl PlaintextKey {
    pub(super) const fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The secret, to be sent to its owner once or to be hashed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PlaintextKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlaintextKey(…)")
    }
}
