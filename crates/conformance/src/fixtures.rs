//! Things to test with: a clock and a random source that a test sets, and rows.

mod host;
pub mod request;
mod revocations;
mod uses;

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
};

use capykeys_domain::{
    model::{
        Actor, ApiKey, AuditAction, AuditEvent, AuditOutcome, ClerkLink, Creator, Disabling, DisablingReason,
        EventDetails, ExternalOrganizationId, KeyFilter, KeyId, KeyName, KeyPrefix, KeySource, Organization,
        OrganizationId, OrganizationName, Renaming, RequestContext, RequestId, Rotation, Scope, ScopeSet,
        Sequence, Slug, Suspension, Timestamp,
    },
    ports::{EventQuery, KeyChange, KeyQuery, Limit, NewKey, NewSecret, RenameOrganization, SetSuspension},
    secret::{KeyDigest, PepperId},
};

use self::host::START_MICROS;
pub use self::{
    host::{ManualClock, SeededEntropy, host, machine},
    revocations::{revoke, revoke_many},
    uses::ToldUses,
};

/// The time `micros` microseconds after 2026-01-01T00:00:00Z.
#[must_use]
pub fn at(micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(START_MICROS + micros).unwrap_or(Timestamp::MAX)
}

/// Bytes that no other call gave, in no process that runs beside this one either.
fn unique() -> [u8; 8] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    (u64::from(std::process::id()) << 32 | number).to_be_bytes()
}

/// Where a test's requests come from.
#[must_use]
pub fn context() -> RequestContext {
    RequestContext { request_id: RequestId::from_random([7; 16]), peer: "192.0.2.1".parse().ok() }
}

/// An organization that was created at `created_at`.
///
/// # Panics
/// Never: the texts are valid.
#[must_use]
pub fn organization(created_at: Timestamp) -> Organization {
    Organization {
        id: OrganizationId::new(created_at, unique()),
        name: OrganizationName::parse("Acme").expect("valid"),
        slug: Slug::from_any("acme"),
        created_at,
        updated_at: created_at,
        clerk: None,
        suspension: None,
    }
}

/// The same, with a counterpart at Clerk.
///
/// # Panics
/// Where `clerk_id` is not one of Clerk's.
#[must_use]
pub fn organization_at_clerk(created_at: Timestamp, clerk_id: &str) -> Organization {
    let id = ExternalOrganizationId::parse(clerk_id).expect("an id of Clerk's");
    Organization { clerk: Some(ClerkLink { id, slug: Some("acme".into()) }), ..organization(created_at) }
}

/// The names of the scopes of the wire contract.
pub const SCOPES: [&str; 12] = [
    "projects:read",
    "projects:write",
    "credentials:read",
    "backups:read",
    "backups:write",
    "jobs:read",
    "schema:read",
    "organizations:read",
    "organizations:write",
    "api_keys:read",
    "api_keys:write",
    "*",
];

/// The headers in which the API behind a gateway is told who was let through, as they are called unless
/// others are configured.
pub const IDENTITY_HEADERS: [&str; 7] = [
    "x-capy-organization-id",
    "x-capy-project-id",
    "x-capy-key-id",
    "x-capy-user-id",
    "x-capy-scopes",
    "x-capy-auth-source",
    "x-capy-key-expires-at",
];

/// The scope of this name.
///
/// # Panics
/// Where that is no name of a scope.
#[must_use]
pub fn scope(name: &str) -> Scope {
    Scope::parse(name).expect("a name")
}

/// The scopes of these names.
///
/// # Panics
/// Where there is none, one that is no name, or one twice.
#[must_use]
pub fn scopes(names: &[&str]) -> ScopeSet {
    ScopeSet::from_stored(names.iter().copied()).expect("valid")
}

/// A key of `organization`, created at `created_at`, with a digest of its own.
///
/// # Panics
/// Never: the texts are valid.
#[must_use]
pub fn key(organization: OrganizationId, created_at: Timestamp) -> NewKey {
    let unique = unique();
    let mut bytes = [0xab; 32];
    bytes[..8].copy_from_slice(&unique);
    NewKey {
        key: ApiKey {
            id: KeyId::new(created_at, unique),
            organization_id: organization,
            name: KeyName::parse("CI").expect("valid"),
            key_prefix: KeyPrefix::from_stored(FIRST_PREFIX),
            scopes: scopes(&["projects:read"]),
            source: KeySource::Api,
            created_at,
            created_by_user_id: None,
            created_by_key_id: None,
            device_name: None,
            expires_at: None,
            last_used_at: None,
            project_id: None,
            revoked_at: None,
            brought: None,
            disabled: None,
            rotation: None,
        },
        digest: digest(bytes),
        creator: Creator::Operator,
        idempotency: None,
    }
}

/// A digest under pepper `1`.
///
/// # Panics
/// Never: the id is valid.
#[must_use]
pub fn digest(bytes: [u8; 32]) -> KeyDigest {
    KeyDigest::from_stored(PepperId::parse("1").expect("valid"), bytes)
}

/// An event of `action` that was done at `at` by an operator.
#[must_use]
pub fn event(
    action: AuditAction,
    at: Timestamp,
    organization: OrganizationId,
    key: Option<KeyId>,
) -> AuditEvent {
    AuditEvent {
        at,
        action,
        outcome: AuditOutcome::Done,
        actor: Actor::Operator,
        organization_id: Some(organization),
        target_organization_id: None,
        key_id: key,
        project_id: None,
        details: EventDetails::default(),
        request: context(),
        occurrences: NonZeroU32::MIN,
    }
}

/// The event of creating this key.
#[must_use]
pub fn created(new: &NewKey) -> AuditEvent {
    let key = &new.key;
    let event = event(AuditAction::CreateKey, key.created_at, key.organization_id, Some(key.id));
    AuditEvent { details: EventDetails::of_key(key), ..event }
}

/// This key, disabled.
#[must_use]
pub fn disabled(key: &ApiKey, at: Timestamp) -> ApiKey {
    let disabling = Disabling { at, reason: DisablingReason::parse(" found ").ok() };
    ApiKey { disabled: Some(disabling), ..key.clone() }
}

/// How the first secret of a key begins.
const FIRST_PREFIX: &str = "capy_live_0aZ9";

/// By the right of this key, whose caller has come with its first secret.
#[must_use]
pub fn by_key(id: KeyId) -> Creator {
    Creator::Key(id, KeyPrefix::from_stored(FIRST_PREFIX))
}

/// Changing a key, with the event, by nobody whose right is judged.
#[must_use]
pub fn change(before: &ApiKey, after: &ApiKey, at: Timestamp) -> KeyChange {
    let action = match (&before.disabled, &after.disabled) {
        (None, Some(_)) => AuditAction::DisableKey,
        (Some(_), None) => AuditAction::EnableKey,
        _ => AuditAction::UpdateKey,
    };
    let event = event(action, at, after.organization_id, Some(after.id));
    KeyChange { before: before.clone(), after: after.clone(), secret: None, by: None, event }
}

/// Rotating a key, which gets the secret of `digest`, with the event. The one before is good until `until`.
#[must_use]
pub fn rotate(before: &ApiKey, digest: &KeyDigest, at: Timestamp, until: Timestamp) -> KeyChange {
    let rotation = Rotation {
        at,
        previous_key_prefix: before.key_prefix.clone(),
        previous_expires_at: until,
        previous_last_used_at: before.last_used_at,
        finish_when_idle: None,
    };
    let key_prefix = KeyPrefix::from_stored("capy_live_9Zz0");
    let after = ApiKey { key_prefix, rotation: Some(Box::new(rotation)), ..before.clone() };
    let event = event(AuditAction::RotateKey, at, before.organization_id, Some(before.id));
    let secret = Some(NewSecret { digest: digest.clone(), keeps_previous: false });
    KeyChange { secret, event, ..change(before, &after, at) }
}

/// Suspending this organization or ending its suspension, with the event.
#[must_use]
pub fn set_suspension(id: OrganizationId, suspension: Option<Suspension>, at: Timestamp) -> SetSuspension {
    let suspends = suspension.is_some();
    let action = if suspends { AuditAction::SuspendOrganization } else { AuditAction::ResumeOrganization };
    SetSuspension { id, suspension, at, event: event(action, at, id, None) }
}

/// Renaming this organization, with the event.
#[must_use]
pub fn rename(id: OrganizationId, renaming: Renaming, at: Timestamp) -> RenameOrganization {
    RenameOrganization { id, renaming, at, event: event(AuditAction::RenameOrganization, at, id, None) }
}

/// All events of this organization.
#[must_use]
pub const fn all_events(organization: OrganizationId) -> EventQuery {
    EventQuery { organization, after: Sequence::START, limit: Limit::MAX }
}

/// All keys of this organization.
#[must_use]
pub fn all_keys(organization: OrganizationId) -> KeyQuery {
    KeyQuery { organization, filter: KeyFilter::default(), before: None, limit: Limit::MAX }
}

/// The sequence of this number.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn sequence(number: i64) -> Sequence {
    Sequence::new(number).expect("a number")
}
