//! What the service has to know of a store.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use capykeys_domain::ports::{
    AuditLog, ChangeFeed, KeyLookup, KeyStore, Organizations, PepperRegistry, Readiness, ReplicaRegistry,
};

use crate::error::Error;

/// A kind of store with its settings: what the service has to know of it before it is opened.
#[async_trait]
pub(crate) trait Backend: Send + Sync {
    /// What people call it.
    fn name(&self) -> &'static str;

    /// How many files it has open at most in a server.
    fn files(&self) -> u64;

    /// What is made for whoever starts a server and has set nothing up. Without it a pepper has to be
    /// configured, and operators make the first key.
    fn embedded(&self) -> Option<Embedded<'_>> {
        None
    }

    /// Brings its schema up to date.
    async fn migrate(&self) -> Result<(), Error>;

    /// Opens it. A server gets it only where it is one that can be served, or cannot be asked yet.
    async fn open(&self, opened_for: OpenedFor) -> Result<Store, Error>;
}

/// What a store is like that comes with the program.
#[derive(Clone, Copy)]
pub(crate) struct Embedded<'a> {
    /// The folder that its pepper is made and kept in, unless one is configured.
    pub(crate) directory: &'a Path,
    /// A file that the first key is written to, instead of being printed.
    pub(crate) first_key_file: Option<&'a Path>,
}

/// Whom a store is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenedFor {
    /// A server, which remembers keys.
    Replica,
    /// A command beside the servers, which remembers nothing.
    Command,
}

/// The ports of an open store, whatever is behind them.
pub(crate) struct Store {
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) lookup: Arc<dyn KeyLookup>,
    pub(crate) feed: Arc<dyn ChangeFeed>,
    pub(crate) registry: Arc<dyn ReplicaRegistry>,
    pub(crate) peppers: Arc<dyn PepperRegistry>,
    pub(crate) organizations: Arc<dyn Organizations>,
    pub(crate) audit: Arc<dyn AuditLog>,
    pub(crate) readiness: Arc<dyn Readiness>,
    /// Whether another process may work on it as well, or has before, whose verdicts are waited for.
    pub(crate) shared: bool,
    /// Whether it has a clock of its own, by which all servers go; else it has this machine's.
    pub(crate) own_clock: bool,
    /// Held as long as a server works on it, so that no second one does.
    pub(crate) lock: Option<Box<dyn Send>>,
}

impl Store {
    /// One that goes by this machine's clock, with nobody to be kept out.
    pub(crate) fn of<S>(store: S) -> Self
    where
        S: KeyStore
            + KeyLookup
            + ChangeFeed
            + ReplicaRegistry
            + PepperRegistry
            + Organizations
            + AuditLog
            + Readiness
            + 'static,
    {
        let store = Arc::new(store);
        Self {
            keys: store.clone(),
            lookup: store.clone(),
            feed: store.clone(),
            registry: store.clone(),
            peppers: store.clone(),
            organizations: store.clone(),
            audit: store.clone(),
            readiness: store,
            shared: true,
            own_clock: false,
            lock: None,
        }
    }
}
