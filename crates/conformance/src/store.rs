//! The store under test.

use std::{any::Any, sync::Arc};

use capykeys_domain::{
    model::KeyId,
    ports::{
        AuditLog, ChangeFeed, EventLog, KeyLookup, KeyStore, Organizations, PepperRegistry, Readiness,
        ReplicaRegistry, WholeStore,
    },
};

use crate::fixtures::ManualClock;

/// Makes the row of a key unreadable: see [`Store::spoiled_by`].
pub(crate) type Spoil = dyn Fn(KeyId, &str) + Send + Sync;

/// How much a store has read so far: see [`Store::counted_by`].
#[derive(Clone)]
pub(crate) enum Reads {
    /// Nobody has said it.
    Unknown,
    /// In whatever unit.
    Counted(Arc<dyn Fn() -> u64 + Send + Sync>),
    /// Other tests see to it.
    TestedElsewhere,
}

/// A store under test: empty, and nobody else's. Clones are the same store.
#[derive(Clone)]
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
    /// All of it.
    pub whole: Arc<dyn WholeStore>,
    /// What must live as long as the store, such as its temporary folder.
    pub guard: Arc<dyn Any + Send + Sync>,
    pub(crate) spoil: Option<Arc<Spoil>>,
    pub(crate) reads: Reads,
    pub(crate) clock: Option<Arc<ManualClock>>,
}

impl Store {
    /// From one adapter that implements every port.
    ///
    /// The suite needs to be told two things besides: [`Store::spoiled_by`], and [`Store::counted_by`] or
    /// [`Store::reads_are_tested_elsewhere`].
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
            + WholeStore
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
            readiness: store.clone(),
            whole: store,
            guard: Arc::new(guard),
            spoil: None,
            reads: Reads::Unknown,
            clock: None,
        }
    }

    /// `spoil` makes the row of a key unreadable, around the adapter, and leaves the text in it where the
    /// domain does not accept it: as scopes, say, for it is no name of a scope. So the suite sees that a row which
    /// cannot be read is neither left out nor shown in an error.
    #[must_use]
    pub fn spoiled_by(self, spoil: impl Fn(KeyId, &str) + Send + Sync + 'static) -> Self {
        Self { spoil: Some(Arc::new(spoil)), ..self }
    }

    /// `clock` was handed to the store when it was opened, and its time is that clock's. A store that goes by a
    /// server's clock does not say this.
    #[must_use]
    pub fn driven_by(self, clock: Arc<ManualClock>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// `reads` says how much the store has read since it was opened: rows, pages, steps of its engine, whatever
    /// grows with the work. The suite looks at how that grows with the number of keys, and at no clock.
    #[must_use]
    pub fn counted_by(self, reads: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { reads: Reads::Counted(Arc::new(reads)), ..self }
    }

    /// Nobody counts what the store reads, but other tests of the adapter see that neither a lookup by a
    /// digest nor a page of a list, of the log or of the feed reads through all there is: by the engine's plans of its
    /// statements, say.
    #[must_use]
    pub fn reads_are_tested_elsewhere(self) -> Self {
        Self { reads: Reads::TestedElsewhere, ..self }
    }
}
