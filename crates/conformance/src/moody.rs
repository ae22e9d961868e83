//! A store that fails when it is told to.

use std::num::NonZeroU32;

use async_trait::async_trait;
use capykeys_domain::{
    model::{ApiKey, AuditEvent, KeyId, OrganizationId, Timestamp},
    ports::{FoundKey, Insertion, KeyLookup, KeyStore, KeyUse, NewKey, Readiness, Revocation, Unavailable},
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
    async fn insert(&self, new: &NewKey, event: &AuditEvent) -> Result<Insertion, Unavailable> {
        self.model.insert(new, event).await
    }

    async fn find(&self, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Unavailable> {
        KeyStore::find(&self.model, organization, id).await
    }

    async fn list(
        &self,
        organization: OrganizationId,
        before: Option<KeyId>,
        limit: NonZeroU32,
    ) -> Result<Vec<ApiKey>, Unavailable> {
        if before.is_some() && *self.mood.borrow() == Mood::SecondPageFails {
            return Err(Unavailable::new("moody", "list: 57P01"));
        }
        KeyStore::list(&self.model, organization, before, limit).await
    }

    async fn revoke(
        &self,
        organization: OrganizationId,
        id: KeyId,
        at: Timestamp,
        event: &AuditEvent,
    ) -> Result<Option<Revocation>, Unavailable> {
        self.model.revoke(organization, id, at, event).await
    }

    async fn record_uses(&self, uses: &[KeyUse]) -> Result<(), Unavailable> {
        self.model.record_uses(uses).await
    }
}

#[async_trait]
impl KeyLookup for MoodyStore {
    async fn find_by_digest(&self, digests: &[KeyDigest]) -> Result<Option<FoundKey>, Unavailable> {
        self.mood().await?;
        self.model.find_by_digest(digests).await
    }
}

#[async_trait]
impl Readiness for MoodyStore {
    async fn check(&self) -> Result<(), Unavailable> {
        self.mood().await
    }
}
