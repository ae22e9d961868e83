//! A store that fails when it is told to.

use async_trait::async_trait;
use capykeys_domain::{
    model::{ApiKey, AuditEvent, KeyId, OrganizationId},
    ports::{
        EndingKey, EndingKeys, ExpiryNotice, FoundKey, IdleRotations, Insertion, KeyChange, KeyChanged,
        KeyLookup, KeyQuery, KeyStore, KeyUse, Limit, NewKey, Readiness, Revocation, RevokeKey, RevokeKeys,
        Unavailable,
    },
    secret::KeyDigest,
};
use tokio::sync::watch;

use crate::model::ModelStore;

/// What the store does instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Its work.
    Good,
    /// It says that it is not there.
    Unavailable,
    /// It panics.
    Panics,
    /// It does not come back before it is in another mood.
    Hangs,
    /// It lists one page and is not there for the next.
    SecondPageFails,
}

/// The reference model with moods. Whoever waits for another one is a receiver of it.
pub(crate) struct MoodyStore {
    model: ModelStore,
    mood: watch::Receiver<Mood>,
}

impl MoodyStore {
    pub(crate) const fn new(model: ModelStore, mood: watch::Receiver<Mood>) -> Self {
        Self { model, mood }
    }

    async fn mood(&self) -> Result<(), Unavailable> {
        let mut moods = self.mood.clone();
        let mood = moods.wait_for(|mood| *mood != Mood::Hangs).await.map(|mood| *mood);
        match mood {
            Ok(Mood::Unavailable) => Err(Unavailable::new("moody", "lookup: 57P01")),
            Ok(Mood::Panics) => panic!("the store panics"),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl KeyStore for MoodyStore {
    async fn insert_key(&self, new: NewKey, event: AuditEvent) -> Result<Insertion, Unavailable> {
        self.model.insert_key(new, event).await
    }

    async fn find_key(&self, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Unavailable> {
        self.model.find_key(organization, id).await
    }

    async fn list_keys(&self, query: KeyQuery) -> Result<Vec<ApiKey>, Unavailable> {
        if query.before.is_some() && *self.mood.borrow() == Mood::SecondPageFails {
            return Err(Unavailable::new("moody", "list: 57P01"));
        }
        self.model.list_keys(query).await
    }

    async fn revoke_key(&self, revoke: RevokeKey) -> Result<Option<Revocation>, Unavailable> {
        self.model.revoke_key(revoke).await
    }

    async fn revoke_keys(&self, revoke: RevokeKeys) -> Result<Vec<ApiKey>, Unavailable> {
        self.model.revoke_keys(revoke).await
    }

    async fn revoke_lineage(
        &self,
        revoke: RevokeKey,
        limit: Limit,
    ) -> Result<Option<Vec<ApiKey>>, Unavailable> {
        self.model.revoke_lineage(revoke, limit).await
    }

    async fn change_key(&self, change: KeyChange) -> Result<KeyChanged, Unavailable> {
        self.model.change_key(change).await
    }

    async fn find_idle_rotations(&self, query: IdleRotations) -> Result<Vec<ApiKey>, Unavailable> {
        self.model.find_idle_rotations(query).await
    }

    async fn find_ending_keys(&self, query: EndingKeys) -> Result<Vec<EndingKey>, Unavailable> {
        self.model.find_ending_keys(query).await
    }

    async fn notice_expiry(&self, notice: ExpiryNotice) -> Result<bool, Unavailable> {
        self.model.notice_expiry(notice).await
    }

    async fn record_uses(&self, uses: Vec<KeyUse>) -> Result<(), Unavailable> {
        self.model.record_uses(uses).await
    }
}

#[async_trait]
impl KeyLookup for MoodyStore {
    async fn find_key_by_digest(&self, digests: &[KeyDigest]) -> Result<Option<FoundKey>, Unavailable> {
        self.mood().await?;
        self.model.find_key_by_digest(digests).await
    }
}

#[async_trait]
impl Readiness for MoodyStore {
    async fn check_readiness(&self) -> Result<(), Unavailable> {
        self.mood().await
    }
}
