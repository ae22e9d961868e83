//! The keys of an organization.

use alloc::{boxed::Box, vec::Vec};

use async_trait::async_trait;

use super::{
    EndingKey, EndingKeys, ExpiryNotice, Insertion, Limit, NewKey, Revocation, RevokeKey, RevokeKeys,
    Unavailable, insertion::obstacle,
};
use crate::{
    model::{ApiKey, AuditEvent, Creator, KeyFilter, KeyId, Organization, OrganizationId, Timestamp},
    secret::KeyDigest,
};

/// That a key was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyUse {
    /// The key.
    pub key: KeyId,
    /// When.
    pub at: Timestamp,
    /// Whether it was with the secret before its present one.
    pub with_previous: bool,
}

/// Which keys of an organization are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyQuery {
    /// Whose.
    pub organization: OrganizationId,
    /// What they are like.
    pub filter: KeyFilter,
    /// Those that are older than this one; `None` for all.
    pub before: Option<KeyId>,
    /// How many at most.
    pub limit: Limit,
}

/// Which keys have a secret to be ended because it is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleRotations {
    /// By when it was not used for long enough.
    pub at: Timestamp,
    /// How many at most.
    pub limit: Limit,
}

/// Another secret for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSecret {
    /// What is stored in its place.
    pub digest: KeyDigest,
    /// Whether the secret before the present one stays what it is, and the present one is forgotten. Else the present
    /// one becomes the one before.
    pub keeps_previous: bool,
}

/// A change of a key that was read before: of its name, scopes, device and end, whether it is disabled, and of its
/// secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// As it was read.
    pub before: ApiKey,
    /// As it is to be; the same where it is only to be made sure that it is so.
    pub after: ApiKey,
    /// The secret that it is given, with its prefix and rotation as they are to be in `after`. When the secret before was
    /// last used is for the store to say.
    pub secret: Option<NewSecret>,
    /// By whose right, where it is to reach further than it did. Judged as that of a new key.
    pub by: Option<Creator>,
    /// What is stored with it, with the key's project in its place. Its time is that of the change.
    pub event: AuditEvent,
}

impl KeyChange {
    /// Whether the secret before the present one is good no more once it is made. Then its digest is forgotten, so that
    /// nobody's clock decides about it.
    #[must_use]
    pub fn ends_previous(&self) -> bool {
        !self.after.has_two_secrets(self.event.at)
    }

    /// Whether anything is to be changed.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.secret.is_some() || !self.after.is_as(&self.before)
    }

    /// As [`NewKey::obstacle`], of the key as it is to be.
    #[must_use]
    pub fn obstacle(
        &self,
        organization: Option<&Organization>,
        created_with: Option<&ApiKey>,
    ) -> Option<Insertion> {
        obstacle(self.by.as_ref()?, &self.after, self.event.at, organization, created_with)
    }
}

/// What came of a change.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChanged {
    /// The key is as it was to be, and if that was a change, the event is committed with it.
    Done,
    /// Nothing was written: the key is not, or not any more, as it was read. A later use makes no difference.
    Stale,
    /// Nothing was written: by now, such a key could not be created, for this reason. [`Insertion::Duplicate`] where
    /// a key has the new secret, or had it before.
    Refused(Insertion),
}

/// Stores the keys of organizations: times to the microsecond, texts byte for byte, scopes in their order.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Stores `new` together with `event`, both or neither, with the key's project in the event.
    ///
    /// All that bounds the new key is judged in the same transaction, as [`NewKey::obstacle`] does, on rows that
    /// nobody else can change before its end: a change that was committed before this call, however long
    /// ago its caller was authenticated, keeps it from storing anything. Where several outcomes apply, the first that
    /// [`NewKey::obstacle`] comes to is given, and a duplicate last.
    ///
    /// An [`IdempotencyRecord`] is stored together with the key, with the time and the key as they are in `new`, or neither is;
    /// and of all requests of one id that are not [forgotten](IdempotencyRecord::forgotten), one is done. That is looked at after
    /// all that bounds the key. The others are told of it, once it is durable, or that it is still running, which nothing is
    /// whose process is gone. Each that is stored takes up to [`FORGOTTEN_AT_ONCE`](super::FORGOTTEN_AT_ONCE) of the forgotten out.
    ///
    /// # Errors
    /// [`Unavailable`]; then the key may be stored or not, and nobody ever learns its plaintext.
    async fn insert_key(&self, new: NewKey, event: AuditEvent) -> Result<Insertion, Unavailable>;

    /// The organization's key with this id, whatever its state.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn find_key(&self, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Unavailable>;

    /// The organization's keys in descending order of their ids (newest first), from the first that `query` asks
    /// for. Revoked and expired ones too. A list without gaps: a key that cannot be read fails the call.
    ///
    /// Without a filter its cost depends on the limit alone, not on the number of keys stored; with one, at most on the
    /// number of the organization's keys.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn list_keys(&self, query: KeyQuery) -> Result<Vec<ApiKey>, Unavailable>;

    /// Revokes the organization's key and stores the event with it. A key that is revoked
    /// already stays as it is, and no event is stored. `None` where the organization has no such
    /// key. Of several calls at once, exactly one is told that it did it.
    ///
    /// # Errors
    /// [`Unavailable`]; then the key may be revoked or not.
    async fn revoke_key(&self, revoke: RevokeKey) -> Result<Option<Revocation>, Unavailable>;

    /// Revokes those of the organization's keys that [`list_keys`](Self::list_keys) would give and that are not revoked,
    /// as many as the limit says at most: all of them or none, each with an event of its own. They come back as they are
    /// then, newest first. Whether a key is one of them is judged in the same transaction. The feed may tell of them at once,
    /// as of their organization.
    ///
    /// # Errors
    /// [`Unavailable`]; then they may be revoked or not.
    async fn revoke_keys(&self, revoke: RevokeKeys) -> Result<Vec<ApiKey>, Unavailable>;

    /// Revokes the organization's key as [`revoke_key`](Self::revoke_key) does, and with it all keys that were made with it,
    /// directly or with one that was: all of them in one transaction, each with an event of its own. Those that are revoked
    /// already stay as they are. As many as `limit` says at most, itself first and then the oldest. They come back as they
    /// are then; `None` where the organization has no such key.
    ///
    /// Nor is a key left out that is made at the same time: its insertion is committed before and it is revoked too, or it
    /// comes after and is refused, since what it was to be made with is revoked.
    ///
    /// # Errors
    /// [`Unavailable`]; then they may be revoked or not.
    async fn revoke_lineage(
        &self,
        revoke: RevokeKey,
        limit: Limit,
    ) -> Result<Option<Vec<ApiKey>>, Unavailable>;

    /// Changes the key and stores the event with it, where the key is as `change` has read it. Where both are the
    /// same, nothing is stored, but it was durably so when this returns. Of several different changes of what was
    /// read once, one is done. What bounds it is judged as it is by [`insert_key`](Self::insert_key), and before
    /// it is looked at whether the key is as it was.
    ///
    /// A key that is disabled is still found by its digest. Where a program that knows nothing of that may work on the store
    /// too, that one finds none.
    ///
    /// # Errors
    /// [`Unavailable`]; then the key may be changed or not.
    async fn change_key(&self, change: KeyChange) -> Result<KeyChanged, Unavailable>;

    /// Keys of all organizations, in any order, of which [`ApiKey::has_an_idle_secret`] by then, at no cost for others.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn find_idle_rotations(&self, query: IdleRotations) -> Result<Vec<ApiKey>, Unavailable>;

    /// Keys of all organizations, as they end and then by their ids. Its cost depends on the limit alone.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn find_ending_keys(&self, query: EndingKeys) -> Result<Vec<EndingKey>, Unavailable>;

    /// Stores until when the key's end was said, and the event, where it is still one of these, with this end, of which less
    /// was said. Whether it did: of several calls at once, one. It is not in the feed.
    ///
    /// # Errors
    /// [`Unavailable`]; then it may be stored or not.
    async fn notice_expiry(&self, notice: ExpiryNotice) -> Result<bool, Unavailable>;

    /// Stores when keys were last used, however many they are, and without a transaction for each. A later time is
    /// never replaced by an earlier one, so the order and the number of calls make no difference. Of a key that was
    /// rotated, a use with the secret before is stored for that as well, and so is every use from before the rotation. A
    /// key may be named more than once, and one that is not there is ignored. Keys of any state have
    /// uses: they were good when they were used.
    ///
    /// Without an organization, like the methods before it: nobody can ask for a key through it, and the
    /// ids do not come from a request, but from keys that were found by their digests, of many
    /// organizations at once. A use changes no verdict: it is not in the change feed, and there is no
    /// event of it.
    ///
    /// # Errors
    /// [`Unavailable`], also where somebody else is changing one of the keys right now, which is not waited for;
    /// then any part of it may be stored, and to call again does no harm.
    async fn record_uses(&self, uses: Vec<KeyUse>) -> Result<(), Unavailable>;
}
