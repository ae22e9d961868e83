//! The audit log.

use alloc::{boxed::Box, vec::Vec};

use async_trait::async_trait;

use super::{Limit, Unavailable};
use crate::model::{AuditEvent, AuditRecord, OrganizationId, Sequence, Timestamp};

/// Which events of an organization are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventQuery {
    /// Whose.
    pub organization: OrganizationId,
    /// Those with higher numbers than this one; [`Sequence::START`] for all.
    pub after: Sequence,
    /// How many at most.
    pub limit: Limit,
}

/// Who did or was refused what.
///
/// Changes are recorded by the ports that make them, in the same transaction; this port adds what
/// changes nothing: refusals.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Adds an event. One without an organization is in no organization's list: only
    /// [`EventLog::follow_events`](super::EventLog::follow_events) tells it.
    ///
    /// # Errors
    /// [`Unavailable`]; then it may be stored or not.
    async fn append_event(&self, event: AuditEvent) -> Result<(), Unavailable>;

    /// Of the `at_most` oldest events in the log, of all organizations, takes those out that are older than
    /// `before`. How many there were; fewer than `at_most` mean that there are no more. A store may keep what is
    /// younger than a day, whatever `before` says.
    ///
    /// # Errors
    /// [`Unavailable`]; then they may be gone or not, and to call again does no harm.
    async fn expire_events(&self, before: Timestamp, at_most: Limit) -> Result<u64, Unavailable>;

    /// The organization's events in ascending order of their sequence, from the first that `query` asks for. A
    /// list without gaps: an event that cannot be read fails the call.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn list_events(&self, query: EventQuery) -> Result<Vec<AuditRecord>, Unavailable>;
}
