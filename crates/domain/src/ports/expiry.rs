//! Keys whose end somebody is to be told of.

use super::Limit;
use crate::model::{AuditEvent, KeyId, OrganizationId, Timestamp};

/// Which keys are asked for: that are neither revoked nor disabled, and of which it was not said yet that they have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndingKeys {
    /// Those that end after this time, or at it and have a higher id.
    pub after: (Timestamp, KeyId),
    /// Those that end at this time or before.
    pub until: Timestamp,
    /// How many at most.
    pub limit: Limit,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndingKey {
    /// Which.
    pub id: KeyId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Until when that was said as far as it was to be said; until its creation nothing was.
    pub noticed_until: Timestamp,
}

/// That the end of a key is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiryNotice {
    /// Of which, with until when it has been said then.
    pub key: EndingKey,
    /// What is stored with it, with the key's project in its place.
    pub event: AuditEvent,
}
