//! Whether a dependency is there.

use alloc::boxed::Box;

use async_trait::async_trait;

use super::Unavailable;

/// Whether a dependency can be worked with right now.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// Asks the dependency something cheap.
    ///
    /// # Errors
    /// [`Unavailable`] where it does not answer, or is not in a state to serve.
    async fn check(&self) -> Result<(), Unavailable>;
}
