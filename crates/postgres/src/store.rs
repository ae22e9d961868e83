//! The store: one type for all ports.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use capykeys_domain::ports::{Readiness, Unavailable};
use tokio::runtime::Handle;

use crate::{
    pool::Pool,
    schema::{self, SchemaError},
    settings::{PostgresSettings, SettingsError},
};

/// Keys, organizations and the audit log in a PostgreSQL database.
///
/// Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct PostgresStore {
    pub(crate) pool: Pool,
}

impl PostgresStore {
    /// Does no I/O: connections are opened when they are needed. They live on `runtime`, which
    /// should be a multi-threaded one and outlive the store; the store itself may be called from
    /// any tokio runtime.
    ///
    /// # Errors
    /// [`SettingsError`] where the settings cannot be used.
    pub fn new(settings: &PostgresSettings, runtime: Handle) -> Result<Self, SettingsError> {
        Ok(Self { pool: Pool::new(settings, runtime, Arc::default())? })
    }

    /// Other connections to the same database. Neither store believes a server that is behind what
    /// the other has seen.
    ///
    /// # Errors
    /// [`SettingsError`] where the settings cannot be used.
    pub fn beside(&self, settings: &PostgresSettings, runtime: Handle) -> Result<Self, SettingsError> {
        Ok(Self { pool: Pool::new(settings, runtime, Arc::clone(self.pool.line()))? })
    }

    /// Whether the database has the schema that this program knows.
    ///
    /// # Errors
    /// [`SchemaError`] where it has not, or does not say.
    pub async fn check_schema(&self) -> Result<(), SchemaError> {
        self.pool.check_schema().await
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresStore")
    }
}

#[async_trait]
impl Readiness for PostgresStore {
    async fn check(&self) -> Result<(), Unavailable> {
        match schema::judge(self.pool.run(schema::SERVED_VERSION, &[]).await) {
            Ok(()) => Ok(()),
            Err(SchemaError::Unavailable(unavailable)) => Err(unavailable),
            Err(error) => Err(Unavailable::new("postgres", error)),
        }
    }
}
