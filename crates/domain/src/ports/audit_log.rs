//! The audit log.

use alloc::{boxed::Box, vec::Vec};
use core::num::NonZeroU32;

use async_trait::async_trait;

use super::Unavailable;
use crate::model::{AuditEvent, AuditRecord, OrganizationId};

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
