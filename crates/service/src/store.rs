//! Opening the configured store.

use std::{sync::Arc, time::Duration};

use capykeys_domain::ports::{AuditLog, KeyLookup, KeyStore, Organizations, Readiness};
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
            StoreKind::Postgres => Self::of(postgres(config)?),
        })
    }

    fn of<S>(store: S) -> Self
    where
        S: KeyStore + KeyLookup + Organizations + AuditLog + Readiness + 'static,
    {
        let store = Arc::new(store);
        Self {
            keys: store.clone(),
            lookup: store.clone(),
            organizations: store.clone(),
            audit: store.clone(),
            readiness: store,
        }
    }
}

/// The PostgreSQL adapter. Its connections live on this runtime, not on that of a worker: a worker
/// that is busy must not stall another's query.
pub(crate) fn postgres(config: &Config) -> Result<PostgresStore, Error> {
    Ok(PostgresStore::new(&postgres_settings(&config.postgres)?, Handle::current())?)
}

pub(crate) fn postgres_settings(postgres: &Postgres) -> Result<PostgresSettings, ConfigError> {
    Ok(PostgresSettings {
        url: postgres.resolved_url()?.expose().to_owned(),
        pool_size: postgres.pool_size,
        deadline: Duration::from_millis(postgres.deadline_ms),
    })
}
