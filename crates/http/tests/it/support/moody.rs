//! A store that fails when it is told to.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use capykeys_conformance::model::ModelStore;
use capykeys_domain::{
    model::{ApiKey, AuditEvent, KeyId, OrganizationId},
    ports::{
        FoundKey, Insertion, KeyLookup, KeyQuery, KeyStore, KeyUse, NewKey, Readiness, Revocation, RevokeKey,
        Unavailable,
    },
    secret::KeyDigest,
};

/// What the store does instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Its work.
    Good,
    /// It says that it is not there.
    Unavailable,
    /// It panics.
    Panics,
    /// It never comes back.
    Hangs,
    /// It lists one page and is not there for the next.
    SecondPageFails,
}

/// The reference model with moods.
#[derive(Clone)]
pub(crate) struct MoodyStore {
    pub(crate) model: ModelStore,
    mood: Arc<Mutex<Mood>>,
}

impl MoodyStore {
    /// In a good mood.
    pub(crate) fn new(model: ModelStore) -> Self {
        Self { model, mood: Arc::new(Mutex::new(Mood::Good)) }
    }

    /// From now on.
    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    async fn mood(&self) -> Result<(), Unavailable> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Good | Mood::SecondPageFails => Ok(()),
            Mood::Unavailable => Err(Unavailable::new("moody", "lookup: 57P01")),
            Mood::Panics => panic!("the store panics"),
            Mood::Hangs => pending().await,
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
        if query.before.is_some() && *self.mood.lock().unwrap() == Mood::SecondPageFails {
            return Err(Unavailable::new("moody", "list: 57P01"));
        }
        self.model.list_keys(query).await
    }

    async fn revoke_key(&self, revoke: RevokeKey) -> Result<Option<Revocation>, Unavailable> {
        self.model.revoke_key(revoke).await
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
