//! The audit log.

use alloc::{boxed::Box, vec::Vec};
use core::num::NonZeroU32;

use async_trait::async_trait;

use super::Unavailable;
use crate::model::{AuditEvent, AuditRecord, OrganizationId, Timestamp};

/// Who did or was refused what.
///
/// Changes are recorded by the ports that make them, in the same transaction; this port adds what
/// changes nothing: refusals.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Adds an event.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time.
    async fn append(&self, event: &AuditEvent) -> Result<(), Unavailable>;

    /// Takes events out that are older than `before`, of all organizations: of the `at_most` oldest in the
    /// log. How many there were; fewer than `at_most` mean that there are no more.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time, or does not let so young events go.
    async fn expire(&self, before: Timestamp, at_most: NonZeroU32) -> Result<u64, Unavailable>;

    /// Up to `limit` of the organization's events in ascending order of their sequence, beginning
    /// with the first whose sequence is higher than `after` (0 for the start).
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time.
    async fn list(
        &self,
        organization: OrganizationId,
        after: i64,
        limit: NonZeroU32,
    ) -> Result<Vec<AuditRecord>, Unavailable>;
}
