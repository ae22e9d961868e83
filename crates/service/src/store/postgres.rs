//! PostgreSQL.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use capykeys_domain::ports::Host;
use capykeys_postgres::{PostgresSettings, PostgresStore, SchemaError, SettingsError};
use capykeys_storage::{Backend, OpenedFor, Store};
use tokio::runtime::Handle;

use crate::{
    config::{self, Config, ConfigError},
    error::Error,
};

/// One that the change feed is polled with, and one for when that hangs.
const FEED_POOL_SIZE: usize = 2;

/// A database, for any number of servers.
pub(super) struct Postgres<'a> {
    config: &'a Config,
    settings: PostgresSettings,
    /// Not connected yet. Its connections live on this runtime, not on that of a worker: a worker that
    /// is busy must not stall another's query.
    store: PostgresStore,
}

impl<'a> Postgres<'a> {
    /// What somebody has chosen who wrote an `sslmode` down that lets the password travel in clear is in
    /// the log at each start.
    pub(super) fn new(config: &'a Config) -> Result<Self, Error> {
        let settings = settings(&config.postgres)?;
        if let Some(sslmode) = settings.clear_text()? {
            tracing::warn!(
                sslmode,
                "the database's password and all keys' digests may travel unencrypted: leave `sslmode` in \
                 `postgres.url` out, or make it `verify-full`"
            );
        }
        let store = PostgresStore::new(&settings, Handle::current())?;
        Ok(Self { config, settings, store })
    }

    /// Connections of their own: where one pool is used up or hangs, the others go on. All know the
    /// newest history that one of them has seen.
    fn pool(
        &self,
        application_name: &'static str,
        pool_size: usize,
        deadline: Duration,
    ) -> Result<Arc<PostgresStore>, SettingsError> {
        let settings = PostgresSettings { application_name, pool_size, deadline, ..self.settings.clone() };
        self.store.beside(&settings, Handle::current()).map(Arc::new)
    }
}

#[async_trait]
impl Backend for Postgres<'_> {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    /// While some connections are closed, others are opened.
    fn files(&self) -> u64 {
        let pools = [self.settings.pool_size, self.config.postgres.lookup_pool_size, FEED_POOL_SIZE];
        let pools = pools.into_iter().fold(0, usize::saturating_add);
        u64::try_from(pools).unwrap_or(u64::MAX).saturating_mul(2)
    }

    async fn migrate(&self, _: Host) -> Result<(), Error> {
        capykeys_postgres::migrate(&self.settings).await?;
        Ok(())
    }

    /// A server has a connection of each pool ready before anybody asks. It is not served with another
    /// schema; but that the database is away is no reason not to start: requests get 503 until it is
    /// there.
    async fn open(&self, opened_for: OpenedFor, host: Host) -> Result<Store, Error> {
        let config = self.config;
        let (deadline, poll_deadline) = match opened_for {
            OpenedFor::Replica => (self.settings.deadline, config.cache.settings(true).poll_deadline()),
            OpenedFor::Command(deadline) => (deadline, deadline),
        };
        if opened_for == OpenedFor::Replica && config.postgres.migrate_at_start {
            self.migrate(host).await?;
        }
        let store = self.store.with_deadline(deadline);
        let lookup = self.pool("capykeys lookup", config.postgres.lookup_pool_size, deadline)?;
        let feed = self.pool("capykeys feed", FEED_POOL_SIZE, poll_deadline)?;
        if opened_for == OpenedFor::Replica {
            for pool in [&store, &*lookup, &*feed] {
                pool.warm_up(1);
            }
            match store.check_schema().await {
                Err(SchemaError::Unavailable(error)) => tracing::warn!(%error, "PostgreSQL is not there yet"),
                checked => checked?,
            }
        }
        // A poll that is late is of no use; but whoever waits for the other servers can wait.
        let registry = Arc::new(feed.with_deadline(deadline));
        // It is the lookups' connections that tell whether a server is ready: a verdict needs no other.
        Ok(Store { readiness: lookup.clone(), lookup, feed, registry, own_clock: true, ..Store::of(store) })
    }
}

fn settings(postgres: &config::Postgres) -> Result<PostgresSettings, ConfigError> {
    Ok(PostgresSettings {
        url: postgres.resolved_url()?.expose().to_owned(),
        url_source: postgres.url_source(),
        pool_size: postgres.pool_size,
        deadline: postgres.deadline.duration(),
        connect_timeout: postgres.connect_timeout.duration(),
        prepared_statements: postgres.prepared_statements.into(),
        application_name: "capykeys",
    })
}
