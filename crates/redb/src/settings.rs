//! The section of the configuration, and what a service has to know of the store before it is opened.

use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;
use capykeys_domain::ports::Host;
use capykeys_storage::{Backend, Embedded, Error, OpenedFor, Store};
use serde::{Deserialize, Serialize};

use crate::{RedbStore, directory};

/// How long an operation of a server may take.
const DEADLINE: Duration = Duration::from_secs(1);

/// The section `[redb]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redb {
    /// The folder with the database and, unless one is configured, the pepper.
    pub directory: PathBuf,
    /// A file that the first key is written to, instead of being printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_key_file: Option<PathBuf>,
}

impl Default for Redb {
    fn default() -> Self {
        Self { directory: PathBuf::from("capykeys-data"), first_key_file: None }
    }
}

#[async_trait]
impl Backend for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }

    /// The database, twice while it is opened again, and the lock.
    fn files(&self) -> u64 {
        3
    }

    fn embedded(&self) -> Option<Embedded<'_>> {
        let first_key_file = self.first_key_file.as_deref();
        Some(Embedded { directory: &self.directory, first_key_file })
    }

    /// Opening it makes what is missing.
    async fn migrate(&self, host: Host) -> Result<(), Error> {
        RedbStore::open(&self.directory, host, DEADLINE)?;
        Ok(())
    }

    async fn open(&self, opened_for: OpenedFor, host: Host) -> Result<Store, Error> {
        let (lock, deadline) = match opened_for {
            OpenedFor::Replica => (Some(directory::lock(&self.directory)?), DEADLINE),
            OpenedFor::Command(deadline) => (None, deadline),
        };
        let store = Store::of(RedbStore::open(&self.directory, host, deadline)?);
        Ok(Store { lock: lock.map(|lock| Box::new(lock) as _), ..store })
    }
}
