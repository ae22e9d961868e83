//! Where keys are kept.

use std::{path::PathBuf, time::Duration};

use capykeys_postgres::{PostgresSettings, UrlSource};
use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret, forms::whole_millis};

/// Which store is used.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Store {
    pub(crate) kind: String,
    /// How long an operator's command waits for the store, operation by operation, in milliseconds.
    /// Whoever gave it can wait longer than a request.
    pub(crate) command_timeout_ms: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self { kind: "sqlite".to_owned(), command_timeout_ms: 30_000 }
    }
}

impl Store {
    pub(crate) const fn command_timeout(&self) -> Duration {
        Duration::from_millis(self.command_timeout_ms)
    }
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
    /// How long opening a connection may take, in milliseconds. It goes on while operations come and go.
    pub(crate) connect_timeout_ms: u64,
    /// Whether `serve` brings the schema up to date before it serves.
    pub(crate) migrate_at_start: bool,
}

impl Default for Postgres {
    fn default() -> Self {
        let defaults = PostgresSettings::new("");
        Self {
            url: None,
            url_file: None,
            pool_size: defaults.pool_size,
            lookup_pool_size: 8,
            deadline_ms: whole_millis(defaults.deadline),
            connect_timeout_ms: whole_millis(defaults.connect_timeout),
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

    /// Where the URL is in a file, that file: a password that is rotated is found there.
    pub(crate) fn url_source(&self) -> Option<UrlSource> {
        let path = self.url_file.clone()?;
        Some(UrlSource::new(move || Some(Secret::read("postgres.url_file", &path).ok()?.expose().to_owned())))
    }
}
