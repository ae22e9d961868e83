//! The embedded store.

use async_trait::async_trait;
use capykeys_domain::ports::Host;
use capykeys_sqlite::{ServerLock, SqliteStore};
use capykeys_storage::{Backend, Embedded, OpenedFor, Store};

use crate::{config::Config, error::Error};

/// A folder with a database, for one server.
pub(super) struct Sqlite<'a>(pub(super) &'a Config);

#[async_trait]
impl Backend for Sqlite<'_> {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    /// Some readers for each worker, each with its part of the log.
    fn files(&self) -> u64 {
        self.0.server.workers().saturating_mul(4)
    }

    fn embedded(&self) -> Option<Embedded<'_>> {
        let settings = &self.0.sqlite;
        Some(Embedded { directory: &settings.directory, first_key_file: settings.first_key_file.as_deref() })
    }

    /// Opening it does it.
    async fn migrate(&self, host: Host) -> Result<(), Error> {
        SqliteStore::open(&self.0.sqlite.directory, host)?;
        Ok(())
    }

    async fn open(&self, opened_for: OpenedFor, host: Host) -> Result<Store, Error> {
        let directory = &self.0.sqlite.directory;
        Ok(match opened_for {
            OpenedFor::Replica => {
                let lock = ServerLock::acquire(directory)?;
                Store { lock: Some(Box::new(lock)), ..Store::of(SqliteStore::open(directory, host)?) }
            }
            OpenedFor::Command(deadline) => Store::of(SqliteStore::open_with(directory, deadline, host)?),
        })
    }
}
