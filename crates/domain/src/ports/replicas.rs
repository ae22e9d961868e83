//! Everybody who may remember a key.

use alloc::boxed::Box;

use async_trait::async_trait;

use super::Change;

/// The replicas of the service, which remember keys for a bounded time.
#[async_trait]
pub trait Replicas: Send + Sync {
    /// Comes back when no replica acts any more on what was before `change`, which has been
    /// committed; this one stops to before it waits for the others. It cannot fail: a replica that
    /// does not hear of the change stops to act on anything in the time that is waited.
    async fn until_obeyed(&self, change: Change);
}

/// There is nobody who remembers anything.
pub struct NoReplicas;

#[async_trait]
impl Replicas for NoReplicas {
    async fn until_obeyed(&self, _: Change) {}
}
