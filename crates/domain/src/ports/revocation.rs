//! What is revoked, and what came of it.

use super::KeyQuery;
use crate::model::{AuditEvent, KeyId, OrganizationId, Timestamp};

/// What came of a revocation.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// When the key was first revoked.
    pub revoked_at: Timestamp,
    /// Whether this call did it.
    pub newly: bool,
}

/// Which key is to be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokeKey {
    /// Whose.
    pub organization: OrganizationId,
    /// Which.
    pub id: KeyId,
    /// When.
    pub at: Timestamp,
    /// What is stored with it, with the key's project in its place.
    pub event: AuditEvent,
}

/// Which keys are to be revoked at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokeKeys {
    /// Those of a list that are not revoked; as many as its limit at most.
    pub query: KeyQuery,
    /// When.
    pub at: Timestamp,
    /// What is stored with each, with the key and its project in their places.
    pub event: AuditEvent,
}
