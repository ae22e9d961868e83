//! The keys of an organization.

use alloc::{boxed::Box, vec::Vec};
use core::num::NonZeroU32;

use async_trait::async_trait;

use super::Unavailable;
use crate::{
    model::{ApiKey, AuditEvent, KeyId, OrganizationId, Timestamp},
    secret::KeyDigest,
};

/// A key to be stored: what is shown of it, and the digest in its secret's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What is shown.
    pub key: ApiKey,
    /// What is stored in the secret's place. Unique over all organizations.
    pub digest: KeyDigest,
    /// The key of the same organization that it is created with, where it is one.
    pub created_with: Option<KeyId>,
}

/// What came of an insert.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// The key and its audit event are committed.
    Inserted,
    /// Nothing was written: a key with this digest or this id is there already.
    Duplicate,
    /// Nothing was written: there is no such organization.
    NoOrganization,
    /// Nothing was written: the organization is suspended.
    OrganizationSuspended,
    /// Nothing was written: the key that it was to be created with is revoked, or has expired by
    /// the new key's `created_at`, or is not there.
    CreatorInactive,
}

/// What came of a revocation.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// When the key was first revoked.
    pub revoked_at: Timestamp,
    /// Whether this call did it.
    pub newly: bool,
}

/// That a key was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyUse {
    /// The key.
    pub key: KeyId,
    /// When.
    pub at: Timestamp,
}

/// Stores the keys of organizations.
///
/// Times are kept to the microsecond, texts byte for byte, scopes in their order.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Stores `new` together with `event`, both or neither.
    ///
    /// The organization and the key that it is created with are judged in the same transaction: a
    /// revocation or a suspension that was acknowledged before this call, however long ago its
    /// caller was authenticated, keeps it from storing anything. Where several outcomes apply, the
    /// first of no organization, suspended, inactive and duplicate is given.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time; then the key may be stored or not,
    /// and nobody ever learns its plaintext.
    async fn insert(&self, new: &NewKey, event: &AuditEvent) -> Result<Insertion, Unavailable>;

    /// The organization's key with this id, whatever its state.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time.
    async fn find(&self, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Unavailable>;

    /// Up to `limit` of the organization's keys in descending order of their ids (newest first),
    /// beginning with the first whose id is lower than `before`. Revoked and expired ones too.
    ///
    /// Its cost depends on `limit` alone, not on the number of keys stored.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time.
    async fn list(
        &self,
        organization: OrganizationId,
        before: Option<KeyId>,
        limit: NonZeroU32,
    ) -> Result<Vec<ApiKey>, Unavailable>;

    /// Revokes the organization's key at `at` and stores `event` with it. A key that is revoked
    /// already stays as it is, and no event is stored. `None` where the organization has no such
    /// key. Of several calls at once, exactly one is told that it did it.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time; then the key may be revoked or not.
    async fn revoke(
        &self,
        organization: OrganizationId,
        id: KeyId,
        at: Timestamp,
        event: &AuditEvent,
    ) -> Result<Option<Revocation>, Unavailable>;

    /// Stores when keys were last used, in one statement however many they are. A later time is
    /// never replaced by an earlier one, so the order and the number of calls make no difference; a
    /// key may be named more than once, and one that is not there is ignored. Keys of any state have
    /// uses: they were good when they were used.
    ///
    /// The one method here without an organization: nobody can ask for a key through it, and the
    /// ids do not come from a request, but from keys that were found by their digests, of many
    /// organizations at once. A use changes no verdict: it is not in the change feed, and there is no
    /// event of it.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time, or somebody else is changing one of
    /// the keys right now; then any part of it may be stored, and to call again does no harm.
    async fn record_uses(&self, uses: &[KeyUse]) -> Result<(), Unavailable>;
}
