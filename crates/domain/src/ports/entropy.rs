//! Randomness.

use super::Unavailable;

/// A cryptographically secure source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `buffer` with random bytes.
    ///
    /// # Errors
    /// [`Unavailable`] where the source gives none; the buffer must not be used then.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Unavailable>;

    /// Fills `buffer` for the id of a request, which opens nothing to whoever knows it: a generator that this source
    /// seeds will do.
    ///
    /// # Errors
    /// The same.
    fn fill_request_id(&self, buffer: &mut [u8]) -> Result<(), Unavailable> {
        self.fill(buffer)
    }
}
