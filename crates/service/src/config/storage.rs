//! Where keys are kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret};

/// Which store is used.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Store {
    pub(crate) kind: StoreKind,
}

/// The stores there are.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StoreKind {
    /// Embedded, in a folder: for one server.
    #[default]
    Sqlite,
    /// A PostgreSQL server: for any number.
    Postgres,
}

/// The embedded store.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sqlite {
    /// The folder with the database and, unless one is configured, the pepper.
    pub(crate) directory: PathBuf,
    /// A file that the first key is written to, instead of being printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_key_file: Option<PathBuf>,
}

impl Default for Sqlite {
    fn default() -> Self {
        Self { directory: PathBuf::from("capykeys-data"), first_key_file: None }
    }
}

/// PostgreSQL.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Postgres {
    /// Such as `postgres://user:password@host/database?sslmode=verify-full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<Secret>,
    /// A file with the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url_file: Option<PathBuf>,
    /// Connections kept open at most for managing keys.
    pub(crate) pool_size: usize,
    /// Connections kept open at most for looking up keys that are not remembered. Of their own, so
    /// that neither kind of request takes the other's.
    pub(crate) lookup_pool_size: usize,
    /// How long one operation may take, waiting for a connection included, in milliseconds.
    pub(crate) deadline_ms: u64,
    /// Whether `serve` brings the schema up to date before it serves.
    pub(crate) migrate_at_start: bool,
}

impl Default for Postgres {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            pool_size: 16,
            lookup_pool_size: 8,
            deadline_ms: 450,
            migrate_at_start: false,
        }
    }
}

impl Postgres {
    pub(crate) fn resolved_url(&self) -> Result<Secret, ConfigError> {
        let url = Secret::resolve("postgres.url", self.url.as_ref(), self.url_file.as_deref())?;
        url.ok_or_else(|| {
            ConfigError::Invalid("store.kind is postgres, so postgres.url must be set".to_owned())
        })
    }
}
