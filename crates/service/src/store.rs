//! Opening the configured store.

use std::{sync::Arc, time::Duration};

use capykeys_domain::ports::{
    AuditLog, ChangeFeed, KeyLookup, KeyStore, Organizations, PepperRegistry, Readiness, ReplicaRegistry,
};
use capykeys_postgres::{PostgresSettings, PostgresStore};
use capykeys_sqlite::SqliteStore;
use tokio::runtime::Handle;

use crate::{
    app::Role,
    commands::Error,
    config::{Config, ConfigError, Postgres, StoreKind},
};

/// The storage ports, whatever is behind them.
pub(crate) struct Store {
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) lookup: Arc<dyn KeyLookup>,
    pub(crate) feed: Arc<dyn ChangeFeed>,
    pub(crate) registry: Arc<dyn ReplicaRegistry>,
    pub(crate) peppers: Arc<dyn PepperRegistry>,
    pub(crate) organizations: Arc<dyn Organizations>,
    pub(crate) audit: Arc<dyn AuditLog>,
    pub(crate) readiness: Arc<dyn Readiness>,
}

impl Store {
    /// Opens the store. The embedded one is made where it is missing; PostgreSQL is not asked
    /// anything yet.
    pub(crate) fn open(config: &Config, role: Role) -> Result<Self, Error> {
        Ok(match (config.store.kind, role) {
            (StoreKind::Sqlite, Role::Replica) => Self::of(SqliteStore::open(&config.sqlite.directory)?),
            (StoreKind::Sqlite, Role::Command) => {
                Self::of(SqliteStore::open_with(&config.sqlite.directory, config.store.command_timeout())?)
            }
            (StoreKind::Postgres, role) => Self::on_postgres(config, role)?,
        })
    }

    fn of<S>(store: S) -> Self
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
        }
    }

    /// Three pools: where one is used up or its connections hang, the others go on. All know the
    /// newest history that one of them has seen. A server has a connection for each ready before
    /// anybody asks; and it is the lookups' that tell whether it is: a verdict needs no other.
    fn on_postgres(config: &Config, role: Role) -> Result<Self, Error> {
        let mut settings = postgres_settings(&config.postgres)?;
        if role == Role::Command {
            settings.deadline = config.store.command_timeout();
        }
        let lookup = PostgresSettings {
            pool_size: config.postgres.lookup_pool_size,
            application_name: "capykeys lookup",
            ..settings.clone()
        };
        let feed = PostgresSettings {
            // One that is polled with, and one for when that hangs.
            pool_size: 2,
            deadline: match role {
                Role::Replica => config.cache.settings().poll_deadline(),
                Role::Command => settings.deadline,
            },
            application_name: "capykeys feed",
            ..settings.clone()
        };
        let store = PostgresStore::new(&settings, Handle::current())?;
        let beside = |settings| store.beside(settings, Handle::current()).map(Arc::new);
        let (lookup, feed) = (beside(&lookup)?, beside(&feed)?);
        if role == Role::Replica {
            for pool in [&store, &*lookup, &*feed] {
                pool.warm_up(1);
            }
        }
        // A poll that is late is of no use; but whoever waits for the other servers can wait.
        let registry = Arc::new(feed.with_deadline(settings.deadline));
        Ok(Self { readiness: lookup.clone(), lookup, feed, registry, ..Self::of(store) })
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
        url_source: postgres.url_source(),
        pool_size: postgres.pool_size,
        deadline: Duration::from_millis(postgres.deadline_ms),
        connect_timeout: Duration::from_millis(postgres.connect_timeout_ms),
        application_name: "capykeys",
    })
}
