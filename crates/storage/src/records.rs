//! Every record there is, once.

use capykeys_domain::{
    model::{Actor, ApiKey, AuditEvent, AuditRecord, ClerkLink, Organization, RequestContext, Suspension},
    ports::{FeedProgress, FoundKey, PepperUse, RecordedPepper, RegisteredReplica, Revocation},
    secret::{KeyDigest, PepperCheck, PepperId},
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

    AuditRecord { sequence } + { event }
    AuditEvent { at, action, outcome, organization_id, key_id, occurrences } + { actor, request }
    RequestContext { request_id, peer }

    RegisteredReplica { id, lease, renewals } + { confirmed }
    FeedProgress { sequence in confirmed_sequence, history in confirmed_history }

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

impl Record for Actor {
    fn columns() -> Vec<(&'static str, Kind)> {
        vec![("actor_kind", Kind::Text), ("actor_id", Kind::Text)]
    }

    fn values(&self) -> Vec<Value<'_>> {
        vec![Value::Text(self.kind().into()), self.id().map_or(Value::Null, |id| Value::Text(id.into()))]
    }

    fn read(row: &impl Row) -> Result<Self, Corrupt> {
        let (kind, id) = (row.field::<String>("actor_kind")?, row.field::<Option<String>>("actor_id")?);
        Self::from_stored(&kind, id.as_deref()).ok_or(Corrupt("actor_id"))
    }
}
