//! The store: one type for all ports.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use capykeys_domain::{
    ports::{Readiness, Unavailable},
    secret::PepperId,
};
use capykeys_storage::Values;
use tokio::{runtime::Handle, sync::Semaphore};

use crate::{
    event_log::gaps::Gaps,
    fitness,
    pool::Pool,
    rows,
    schema::{self, SchemaError},
    settings::PostgresSettings,
    settings_error::SettingsError,
};

/// A quarter of the connections.
fn searches(settings: &PostgresSettings) -> Arc<Semaphore> {
    Arc::new(Semaphore::new((settings.pool_size / 4).max(1)))
}

/// Keys, organizations and the audit log in a PostgreSQL database.
///
/// Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct PostgresStore {
    pub(crate) pool: Pool,
    pub(crate) gaps: Arc<Mutex<Gaps>>,
    /// The peppers that it was last told are recorded; `None` again where it may be otherwise.
    pub(crate) announced: Arc<Mutex<Option<Vec<PepperId>>>>,
    /// Those that go through lists with a filter: some read all keys of an organization, and must leave connections
    /// to everybody else.
    pub(crate) searches: Arc<Semaphore>,
    /// Whether two sessions were seen to exclude each other. All stores of a server know it.
    excludes: Arc<tokio::sync::Mutex<bool>>,
}

impl PostgresStore {
    /// Does no I/O: connections are opened when they are needed, in time of their own, and are there
    /// for the next operation where one has waited in vain. They live on `runtime`, which
    /// should be a multi-threaded one and outlive the store; the store itself may be called from
    /// any tokio runtime.
    ///
    /// # Errors
    /// [`SettingsError`] where the settings cannot be used.
    pub fn new(settings: &PostgresSettings, runtime: Handle) -> Result<Self, SettingsError> {
        Ok(Self {
            pool: Pool::new(settings, runtime)?,
            gaps: Arc::default(),
            announced: Arc::default(),
            searches: searches(settings),
            excludes: Arc::default(),
        })
    }

    /// Other connections to the same database. Neither store believes a server that is behind what
    /// the other has seen; and where the server allows no more connections, one that has none gets
    /// one that the other does not use.
    ///
    /// # Errors
    /// [`SettingsError`] where the settings cannot be used.
    pub fn beside(&self, settings: &PostgresSettings, runtime: Handle) -> Result<Self, SettingsError> {
        let excludes = Arc::clone(&self.excludes);
        let pool = self.pool.beside(settings, runtime)?;
        let searches = searches(settings);
        Ok(Self { pool, gaps: Arc::default(), announced: Arc::default(), searches, excludes })
    }

    /// The same connections, for operations that may take so long.
    #[must_use]
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self { pool: self.pool.with_deadline(deadline), ..self.clone() }
    }

    /// Opens so many connections now, without waiting for it, so that the first operations need not.
    pub fn warm_up(&self, connections: usize) {
        self.pool.warm_up(connections);
    }

    /// Whether the database has the schema that this program knows, whole, and can keep what it is
    /// given. What it may lose is said in the log.
    ///
    /// # Errors
    /// [`SchemaError`] where it has not, or does not say.
    pub async fn check_schema(&self) -> Result<(), SchemaError> {
        self.pool.check_schema().await?;
        // Not at every connection: it costs some milliseconds, and many may be opened at once.
        self.check_fitness().await?;
        let off: String = self.pool.run(&fitness::RISKS, Values::default(), rows::value).await?;
        if !off.is_empty() {
            tracing::warn!(off, "PostgreSQL may lose what it has acknowledged");
        }
        Ok(())
    }

    /// Where the database was away at the start, it is tried later whether two sessions exclude each other: by one at a
    /// time, since it takes connections beside the pool's.
    async fn check_fitness(&self) -> Result<(), SchemaError> {
        schema::judge(self.pool.rows(&fitness::SERVED, &Values::default()).await)?;
        let mut excludes = self.excludes.lock().await;
        if !*excludes {
            *excludes = self.pool.check_exclusion().await?;
        }
        Ok(())
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresStore")
    }
}

#[async_trait]
impl Readiness for PostgresStore {
    async fn check_readiness(&self) -> Result<(), Unavailable> {
        match self.check_fitness().await {
            Ok(()) => Ok(()),
            Err(SchemaError::Unavailable(unavailable)) => Err(unavailable),
            Err(error) => Err(Unavailable::new("postgres", error)),
        }
    }
}
