//! Opening the configured store.

use std::{sync::Arc, time::Duration};

use capykeys_domain::ports::{
    AuditLog, ChangeFeed, KeyLookup, KeyStore, Organizations, Readiness, ReplicaRegistry,
};
use capykeys_postgres::{PostgresSettings, PostgresStore};
use capykeys_sqlite::SqliteStore;
use tokio::runtime::Handle;

use crate::{
    commands::Error,
    config::{Config, ConfigError, Postgres, StoreKind},
};

/// The storage ports, whatever is behind them.
pub(crate) struct Store {
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) lookup: Arc<dyn KeyLookup>,
    pub(crate) feed: Arc<dyn ChangeFeed>,
    pub(crate) registry: Arc<dyn ReplicaRegistry>,
    pub(crate) organizations: Arc<dyn Organizations>,
    pub(crate) audit: Arc<dyn AuditLog>,
    pub(crate) readiness: Arc<dyn Readiness>,
}

impl Store {
    /// Opens the store. The embedded one is made where it is missing; PostgreSQL is not asked
    /// anything yet.
    pub(crate) fn open(config: &Config) -> Result<Self, Error> {
        Ok(match config.store.kind {
            StoreKind::Sqlite => Self::of(SqliteStore::open(&config.sqlite.directory)?),
            StoreKind::Postgres => Self::on_postgres(config)?,
        })
    }

    fn of<S>(store: S) -> Self
    where
        S: KeyStore
            + KeyLookup
            + ChangeFeed
            + ReplicaRegistry
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
            organizations: store.clone(),
            audit: store.clone(),
            readiness: store,
        }
    }

    /// Three pools: where one is used up or its connections hang, the others go on. All know the
    /// newest history that one of them has seen.
    fn on_postgres(config: &Config) -> Result<Self, Error> {
        let settings = postgres_settings(&config.postgres)?;
        let lookup = PostgresSettings {
            pool_size: config.postgres.lookup_pool_size,
            application_name: "capykeys lookup",
            ..settings.clone()
        };
        let feed = PostgresSettings {
            // One that is polled with, and one for when that hangs.
            pool_size: 2,
            deadline: config.cache.settings().poll_deadline(),
            application_name: "capykeys feed",
            ..settings.clone()
        };
        let store = PostgresStore::new(&settings, Handle::current())?;
        let beside = |settings| store.beside(settings, Handle::current()).map(Arc::new);
        let (lookup, feed) = (beside(&lookup)?, beside(&feed)?);
        Ok(Self { lookup, feed: feed.clone(), registry: feed, ..Self::of(store) })
    }
}

/// The PostgreSQL adapter. Its connections live on this runtime, not on that of a worker: a worker
/// that is busy must not stall another's query.
pub(crate) fn postgres(config: &Config) -> Result<PostgresStore, Error> {
    Ok(PostgresStore::new(&postgres_settings(&config.postgres)?, Handle::current())?)
}

/// What somebody has chosen who wrote such an `sslmode` down is in the log at each start.
pub(crate) fn warn_of_clear_text(config: &Config) -> Result<(), Error> {
    if config.store.kind == StoreKind::Postgres
        && let Some(sslmode) = postgres_settings(&config.postgres)?.clear_text()?
    {
        tracing::warn!(
            sslmode,
            "the database's password and all keys' digests may travel unencrypted: leave `sslmode` in `postgres.url` \
             out, or make it `verify-full`"
        );
    }
    Ok(())
}

pub(crate) fn postgres_settings(postgres: &Postgres) -> Result<PostgresSettings, ConfigError> {
    Ok(PostgresSettings {
        url: postgres.resolved_url()?.expose().to_owned(),
        pool_size: postgres.pool_size,
        deadline: Duration::from_millis(postgres.deadline_ms),
        application_name: "capykeys",
    })
}
