//! Every record there is, once.

use std::num::NonZeroU32;

use capykeys_domain::{
    model::{
        Actor, ApiKey, AuditAction, AuditEvent, AuditOutcome, AuditRecord, ClerkLink, Disabling,
        EventDetails, KeyId, Organization, OrganizationId, ProjectId, RequestContext, Rotation, Suspension,
        Timestamp,
    },
    ports::{
        EndingKey, FeedProgress, FoundKey, PepperUse, RegisteredReplica, Revocation, RowCounts, StoredKey,
    },
    secret::{KeyDigest, PepperCheck, PepperId, RecordedPepper},
};

use crate::{Corrupt, Field, Kind, Record, Row, Value, record::records};

records! {
    ApiKey {
        id, organization_id, name, key_prefix, scopes, source, created_at, created_by_user_id, created_by_key_id,
        device_name, expires_at, last_used_at, project_id, revoked_at, brought
    } + { disabled, rotation }
    Disabling { at in disabled_at, reason in disabled_reason }
    Rotation { at in rotated_at, previous_key_prefix, previous_expires_at, previous_last_used_at, finish_when_idle }
    Organization { id, name, slug, created_at, updated_at } + { clerk, suspension }
    ClerkLink { id in clerk_organization_id, slug in clerk_organization_slug }
    Suspension { at in suspended_at, reason in suspended_reason }
    Revocation { revoked_at, newly }
    EndingKey { id, organization_id, expires_at, noticed_until }
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
    let StoredKey { key, digest, previous_digest, .. } = Record::read(row)?;
    let previous_digest = previous_digest.map(Box::new);
    Ok(FoundKey { digest, previous_digest, key, organization: row.record(BESIDE)? })
}

/// The columns of a key that change in its life, besides its digests, when it was last used and whether it was revoked.
pub const CHANGING: [&str; 11] = [
    "name",
    "scopes",
    "device_name",
    "expires_at",
    "disabled_at",
    "disabled_reason",
    "key_prefix",
    "rotated_at",
    "previous_key_prefix",
    "previous_expires_at",
    "finish_when_idle",
];
/// Those of its digests.
pub const DIGESTS: [&str; 4] = ["pepper_id", "digest", "previous_pepper_id", "previous_digest"];
/// What the columns of the digest of a key's secret before its present one begin with.
const PREVIOUS: &str = "previous_";

/// What is stored in the place of a disabled key's digest: no secret has it, so that programs that know nothing of
/// disabled keys find none. The same again is the digest itself.
#[must_use]
pub fn set_aside(digest: &KeyDigest) -> KeyDigest {
    let mut bytes = *digest.as_bytes();
    bytes[0] = !bytes[0];
    KeyDigest::from_stored(digest.pepper_id().clone(), bytes)
}

/// These digests, and what is stored in their place.
#[must_use]
pub fn wherever_stored(digests: &[KeyDigest]) -> Vec<[u8; 32]> {
    digests.iter().flat_map(|digest| [*digest.as_bytes(), *set_aside(digest).as_bytes()]).collect()
}

/// Where the key is disabled, its digest is [`set_aside`]; the one of the secret before is known only to programs that know
/// of disabled keys.
impl Record for StoredKey {
    fn columns() -> Vec<(&'static str, Kind)> {
        let more = [
            ("previous_pepper_id", PepperId::KIND),
            ("previous_digest", Kind::Bytes),
            ("expiry_noticed_until", Timestamp::KIND),
        ];
        [ApiKey::columns(), KeyDigest::columns(), more.to_vec()].concat()
    }

    fn values(&self) -> Vec<Value<'_>> {
        let aside = self.key.disabled.as_ref().map(|_| *set_aside(&self.digest).as_bytes());
        let digest =
            aside.map_or(self.digest.as_bytes().value(), |bytes| Value::Bytes(bytes.to_vec().into()));
        let own = [self.digest.pepper_id().value(), digest];
        let more = self.previous_digest.values().into_iter().chain([self.expiry_noticed_until.value()]);
        self.key.values().into_iter().chain(own).chain(more).collect()
    }

    fn read(row: &impl Row) -> Result<Self, Corrupt> {
        let (key, stored): (ApiKey, KeyDigest) = (Record::read(row)?, Record::read(row)?);
        let digest = if key.disabled.is_some() { set_aside(&stored) } else { stored };
        let expiry_noticed_until = row.field("expiry_noticed_until")?;
        Ok(Self { key, digest, previous_digest: row.record(PREVIOUS)?, expiry_noticed_until })
    }
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
