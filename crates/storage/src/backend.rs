//! What a service has to know of a store beside its ports.

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use capykeys_domain::ports::{
    AuditLog, ChangeFeed, EventLog, Host, KeyLookup, KeyStore, Organizations, PepperRegistry, Readiness,
    ReplicaRegistry, WholeStore,
};

/// A sentence for the operator, without anything secret.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A kind of store with its settings: what the service has to know of it before it is opened. Nothing of the
/// store is touched before [`migrate`](Self::migrate) or [`open`](Self::open).
#[async_trait]
pub trait Backend: Send + Sync {
    /// What people call it.
    fn name(&self) -> &'static str;

    /// How many files and sockets it has open at most in a server, so that connections leave room for them.
    fn files(&self) -> u64;

    /// What is made for whoever starts a server and has set nothing up. Without it a pepper has to be
    /// configured, and operators make the first key.
    fn embedded(&self) -> Option<Embedded<'_>> {
        None
    }

    /// Brings its schema up to date.
    ///
    /// # Errors
    /// A sentence for the operator.
    async fn migrate(&self, host: Host) -> Result<(), Error>;

    /// Opens it. A server gets it only where it is one that can be served, or cannot be asked yet: what has to be so
    /// before that is done here, such as taking a lock or looking at the schema.
    ///
    /// # Errors
    /// A sentence for the operator.
    async fn open(&self, opened_for: OpenedFor, host: Host) -> Result<Store, Error>;
}

/// What a store is like that needs no server of its own.
#[derive(Clone, Copy)]
pub struct Embedded<'a> {
    /// The folder that its pepper is made and kept in, unless one is configured. [`Backend::open`] makes it, for its
    /// owner alone.
    pub directory: &'a Path,
    /// A file that the first key is written to, instead of being printed. A setting of the name `first_key_file`.
    pub first_key_file: Option<&'a Path>,
}

/// Whom a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenedFor {
    /// A server, which remembers keys. An operation takes a second at most.
    Replica,
    /// A command beside the servers, which remembers nothing, and whose operator can wait this long for an
    /// operation.
    Command(Duration),
}

/// The ports of an open store, whatever is behind them.
#[expect(missing_docs, reason = "the ports say what they are")]
pub struct Store {
    pub keys: Arc<dyn KeyStore>,
    pub lookup: Arc<dyn KeyLookup>,
    pub feed: Arc<dyn ChangeFeed>,
    pub registry: Arc<dyn ReplicaRegistry>,
    pub peppers: Arc<dyn PepperRegistry>,
    pub organizations: Arc<dyn Organizations>,
    pub audit: Arc<dyn AuditLog>,
    pub events: Arc<dyn EventLog>,
    pub readiness: Arc<dyn Readiness>,
    pub whole: Arc<dyn WholeStore>,
    /// Whether another process may work on it as well, or has before, whose verdicts are waited for.
    pub shared: bool,
    /// Whether it has a clock of its own, by which all servers go; else it has this machine's.
    pub own_clock: bool,
    /// Held as long as a server works on it, so that no second one does.
    pub lock: Option<Box<dyn Send>>,
}

impl Store {
    /// One that goes by this machine's clock, with nobody to be kept out.
    pub fn of<S>(store: S) -> Self
    where
        S: KeyStore
            + KeyLookup
            + ChangeFeed
            + ReplicaRegistry
            + PepperRegistry
            + Organizations
            + AuditLog
            + EventLog
            + Readiness
            + WholeStore
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
            events: store.clone(),
            readiness: store.clone(),
            whole: store,
            shared: true,
            own_clock: false,
            lock: None,
        }
    }
}
