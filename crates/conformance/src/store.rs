//! The store under test.

use std::{any::Any, sync::Arc};

use capykeys_domain::ports::{
    AuditLog, ChangeFeed, EventLog, KeyLookup, KeyStore, Organizations, PepperRegistry, Readiness,
    ReplicaRegistry,
};

/// A store under test: empty, and nobody else's.
pub struct Store {
    /// Its keys.
    pub keys: Arc<dyn KeyStore>,
    /// Its keys by their secret.
    pub lookup: Arc<dyn KeyLookup>,
    /// Its organizations.
    pub organizations: Arc<dyn Organizations>,
    /// Its audit log.
    pub audit: Arc<dyn AuditLog>,
    /// The same, for readers that follow it.
    pub events: Arc<dyn EventLog>,
    /// What changed in it.
    pub feed: Arc<dyn ChangeFeed>,
    /// Who may remember its keys.
    pub registry: Arc<dyn ReplicaRegistry>,
    /// Which peppers its keys need.
    pub peppers: Arc<dyn PepperRegistry>,
    /// Whether it is there.
    pub readiness: Arc<dyn Readiness>,
    /// What must live as long as the store, such as its temporary folder.
    pub guard: Box<dyn Any + Send + Sync>,
}

impl Store {
    /// From one adapter that implements every port.
    pub fn new<S>(store: S, guard: impl Any + Send + Sync) -> Self
    where
        S: KeyStore
            + KeyLookup
            + Organizations
            + AuditLog
            + EventLog
            + ChangeFeed
            + ReplicaRegistry
            + PepperRegistry
            + Readiness
            + 'static,
    {
        let store = Arc::new(store);
        Self {
            keys: store.clone(),
            lookup: store.clone(),
            organizations: store.clone(),
            audit: store.clone(),
            events: store.clone(),
            feed: store.clone(),
            registry: store.clone(),
            peppers: store.clone(),
            readiness: store,
            guard: Box::new(guard),
        }
    }
}
