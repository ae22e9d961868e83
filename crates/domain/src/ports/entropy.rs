//! Randomness.

use super::Unavailable;

/// A cryptographically secure source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `buffer` with random bytes.
    ///
    /// # Errors
    /// [`Unavailable`] where the source gives none; the buffer must not be used then.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Unavailable>;
}
