//! Every record there is, once.

use std::num::NonZeroU32;

use capykeys_domain::{
    model::{
        Actor, ApiKey, AuditAction, AuditEvent, AuditOutcome, AuditRecord, ClerkLink, EventDetails, KeyId,
        Organization, OrganizationId, ProjectId, RequestContext, Suspension, Timestamp,
    },
    ports::{FeedProgress, FoundKey, PepperUse, RegisteredReplica, Revocation, RowCounts, StoredKey},
    secret::{KeyDigest, PepperCheck, PepperId, RecordedPepper},
};

use crate::{Corrupt, Field, Kind, Record, Row, Value, record::records};

records! {
    ApiKey {
        id, organization_id, name, key_prefix, scopes, source, created_at, created_by_user_id, device_name,
        expires_at, last_used_at, project_id, revoked_at
    }
    Organization { id, name, slug, created_at, updated_at } + { clerk, suspension }
    ClerkLink { id in clerk_organization_id, slug in clerk_organization_slug }
    Suspension { at in suspended_at, reason in suspended_reason }
    Revocation { revoked_at, newly }
    StoredKey {} + { key, digest }
    RowCounts { organizations, keys, events }

    AuditRecord { sequence } + { event }
    RequestContext { request_id, peer }

    RegisteredReplica { id, lease, renewals } + { confirmed }
    FeedProgress { sequence in confirmed_sequence, epoch in confirmed_history }

    RecordedPepper { turn } + { check }
    PepperCheck { id, value in check_value }
    PepperUse { id in pepper_id, active_keys }
}

/// The prefix of the columns of an organization that stand beside those of its key.
pub const BESIDE: &str = "organization_of_key_";

/// A key, its digest, and with the prefix [`BESIDE`] its organization.
///
/// # Errors
/// [`Corrupt`] where one of them cannot be read.
pub fn found_key(row: &impl Row) -> Result<FoundKey, Corrupt> {
    Ok(FoundKey { digest: Record::read(row)?, key: Record::read(row)?, organization: row.record(BESIDE)? })
}

impl Record for KeyDigest {
    fn columns() -> Vec<(&'static str, Kind)> {
        vec![("pepper_id", PepperId::KIND), ("digest", Kind::Bytes)]
    }

    fn values(&self) -> Vec<Value<'_>> {
        vec![self.pepper_id().value(), self.as_bytes().value()]
    }

    fn read(row: &impl Row) -> Result<Self, Corrupt> {
        Ok(Self::from_stored(row.field("pepper_id")?, row.field("digest")?))
    }
}

/// What an action is called depends on how it ended.
impl Record for AuditEvent {
    fn columns() -> Vec<(&'static str, Kind)> {
        let own = [
            ("at", Timestamp::KIND),
            ("action", Kind::Text),
            ("outcome", AuditOutcome::KIND),
            ("organization_id", OrganizationId::KIND),
            ("target_organization_id", OrganizationId::KIND),
            ("key_id", KeyId::KIND),
            ("project_id", ProjectId::KIND),
            ("details", EventDetails::KIND),
            ("occurrences", NonZeroU32::KIND),
        ];
        own.into_iter().chain(Actor::columns()).chain(RequestContext::columns()).collect()
    }

    fn values(&self) -> Vec<Value<'_>> {
        let own = [
            self.at.value(),
            Value::Text(self.action.name(&self.outcome).into()),
            self.outcome.value(),
            self.organization_id.value(),
            self.target_organization_id.value(),
            self.key_id.value(),
            self.project_id.value(),
            self.details.value(),
            self.occurrences.value(),
        ];
        own.into_iter().chain(self.actor.values()).chain(self.request.values()).collect()
    }

    fn read(row: &impl Row) -> Result<Self, Corrupt> {
        let (at, action) = (row.field("at")?, row.field::<String>("action")?);
        let outcome = row.field("outcome")?;
        Ok(Self {
            at,
            action: AuditAction::from_stored(&action, &outcome),
            outcome,
            organization_id: row.field("organization_id")?,
            target_organization_id: row.field("target_organization_id")?,
            key_id: row.field("key_id")?,
            project_id: row.field("project_id")?,
            details: row.field("details")?,
            occurrences: row.field("occurrences")?,
            actor: Record::read(row)?,
            request: Record::read(row)?,
        })
    }
}

impl Record for Actor {
    fn columns() -> Vec<(&'static str, Kind)> {
        vec![("actor_kind", Kind::Text), ("actor_id", Kind::Text)]
    }

    fn values(&self) -> Vec<Value<'_>> {
        vec![Value::Text(self.kind().into()), self.id().map_or(Value::Null, |id| Value::Text(id.into()))]
    }

    fn read(row: &impl Row) -> Result<Self, Corrupt> {
        let (kind, id) = (row.field::<String>("actor_kind")?, row.field::<Option<String>>("actor_id")?);
        Ok(Self::from_stored(&kind, id.as_deref()))
    }
}
