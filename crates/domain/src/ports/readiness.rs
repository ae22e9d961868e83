//! Whether a dependency is there.

use alloc::boxed::Box;

use async_trait::async_trait;

use super::Unavailable;

/// Whether a dependency can be worked with right now.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// Asks the dependency something cheap that only one can answer that can be worked with: it reads, and it could
    /// write.
    ///
    /// # Errors
    /// [`Unavailable`], also where it is in no state to serve.
    async fn check_readiness(&self) -> Result<(), Unavailable>;
}
