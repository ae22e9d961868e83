//! What is stored of a new key, and what keeps it from being stored.

use alloc::boxed::Box;

use super::Repeated;
use crate::{
    model::{ApiKey, Creator, KeyState, Organization, Timestamp},
    policy::{self, Denial, Forbidden},
    secret::{IdempotencyRecord, KeyDigest},
};

/// A key to be stored: what is shown of it, and the digest in its secret's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What is shown.
    pub key: ApiKey,
    /// What is stored in the secret's place. Unique over all organizations.
    pub digest: KeyDigest,
    /// By whose right it is created. It is judged and not stored: the event says who did it.
    pub creator: Creator,
    /// What is stored besides where the request is to be done once.
    pub idempotency: Option<IdempotencyRecord>,
}

impl NewKey {
    /// What keeps it from being stored, whatever its creator was told before, where `organization`
    /// and `created_with` are its organization and the key that it is created with, as they are
    /// stored right now. Every store has to come to the same, inside the transaction of
    /// [`KeyStore::insert_key`](super::KeyStore::insert_key).
    #[must_use]
    pub fn obstacle(
        &self,
        organization: Option<&Organization>,
        created_with: Option<&ApiKey>,
    ) -> Option<Insertion> {
        obstacle(&self.creator, &self.key, self.key.created_at, organization, created_with)
    }
}

/// What keeps the creator from having such a key at `now`.
pub(super) fn obstacle(
    creator: &Creator,
    key: &ApiKey,
    now: Timestamp,
    organization: Option<&Organization>,
    created_with: Option<&ApiKey>,
) -> Option<Insertion> {
    let Some(organization) = organization else {
        return Some(Insertion::NoOrganization);
    };
    let at_clerk = organization.clerk.as_ref().map(|link| &link.id);
    if matches!(creator, Creator::Session(signed_in) if Some(signed_in) != at_clerk) {
        return Some(Insertion::Denied(Denial::AnotherOrganization));
    }
    if organization.is_suspended() {
        return Some(Insertion::Denied(Forbidden::OrganizationSuspended.into()));
    }
    let Creator::Key(_, secret) = creator else {
        return None;
    };
    let active = |one: &&ApiKey| one.organization_id == organization.id && one.state(now) == KeyState::Active;
    // As it is to the caller by now: its secret may have been replaced since.
    let Some(creator) = created_with.filter(active).and_then(|one| one.held_with(secret, now)) else {
        return Some(Insertion::CreatorInactive);
    };
    let ceiling = policy::key_ceiling(&creator);
    ceiling.and_then(|ceiling| ceiling.admit(&key.scopes, key.expires_at)).err().map(Insertion::Denied)
}

/// What came of an insert.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// The key and its audit event are committed.
    Inserted,
    /// Nothing was written: a key with this digest or this id is there already.
    Duplicate,
    /// Nothing was written: there is no such organization.
    NoOrganization,
    /// Nothing was written: the key that it was to be created with is revoked or disabled, or has expired by
    /// the new key's `created_at`, or is not there, or has another secret by then.
    CreatorInactive,
    /// Nothing was written: by now the policy says no, since the organization was suspended or is no
    /// longer the session's, or since the creating key has become a project's, may no longer create
    /// keys, or holds or lives less than the new key would.
    Denied(Denial),
    /// Nothing was written: a request of this [`IdempotencyRecord::id`] was done before, and is not forgotten.
    Repeated(Box<Repeated>),
    /// Nothing was written: such a request is being done right now.
    Running,
}
