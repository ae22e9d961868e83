//! Where keys are kept.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use capykeys_postgres::{PostgresSettings, UrlSource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConfigError, Period, Secret};
use crate::{error::Error, watch::count_failures};

const URL_FILE: &str = "postgres.url_file";

/// Which store is used.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Store {
    /// Which store is used: `sqlite` or `postgres`, or one that the program brings with it.
    pub(crate) kind: String,
    /// How long `capykeys keys` and `organizations` wait for the store, operation by operation: `100ms` to `1h`.
    pub(crate) command_timeout: Period,
}

impl Default for Store {
    fn default() -> Self {
        Self { kind: "sqlite".to_owned(), command_timeout: Period::millis(30_000) }
    }
}

impl Store {
    pub(crate) const fn command_timeout(&self) -> Duration {
        self.command_timeout.duration()
    }
}

/// The embedded store.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sqlite {
    /// The folder with the database and, unless one is configured, the pepper.
    pub(crate) directory: PathBuf,
    /// A file, of mode 0600 and not there yet, that the first key is written to instead of being printed: for where
    /// standard output is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"first.key")]
    pub(crate) first_key_file: Option<PathBuf>,
}

impl Default for Sqlite {
    fn default() -> Self {
        Self { directory: PathBuf::from("capykeys-data"), first_key_file: None }
    }
}

/// PostgreSQL.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Postgres {
    /// Where the database is. TLS with a verified certificate unless `sslmode` says otherwise. For
    /// `store.kind = "postgres"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"postgres://user:password@host/database")]
    pub(crate) url: Option<Secret>,
    /// Instead of `url`, a file with it. It is read again when PostgreSQL does not accept the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/capykeys/database-url")]
    pub(crate) url_file: Option<PathBuf>,
    /// Connections kept open at most for managing keys.
    pub(crate) pool_size: usize,
    /// Connections kept open at most for looking up keys that are not remembered; two more follow the change feed.
    pub(crate) lookup_pool_size: usize,
    /// How long one operation may take, waiting for a connection included: `10ms` to `1m`.
    pub(crate) deadline: Period,
    /// How long opening a connection may take, `100ms` to `1m`; requests do not wait for it longer than their deadline.
    pub(crate) connect_timeout: Period,
    /// Whether PostgreSQL parses and plans each statement once for a connection: `auto` is until it is seen that a pooler
    /// does not keep them.
    pub(crate) prepared_statements: PreparedStatements,
    /// Whether the schema is brought up to date before serving.
    pub(crate) migrate_at_start: bool,
}

/// Whether PostgreSQL parses and plans each statement once for a connection.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PreparedStatements {
    /// Until it is seen that a pooler does not keep them.
    #[default]
    Auto,
    /// Always: a pooler keeps them.
    On,
    /// Never.
    Off,
}

impl From<PreparedStatements> for capykeys_postgres::PreparedStatements {
    fn from(setting: PreparedStatements) -> Self {
        match setting {
            PreparedStatements::Auto => Self::Auto,
            PreparedStatements::On => Self::On,
            PreparedStatements::Off => Self::Off,
        }
    }
}

impl Default for Postgres {
    fn default() -> Self {
        let defaults = PostgresSettings::new("");
        Self {
            url: None,
            url_file: None,
            pool_size: defaults.pool_size,
            lookup_pool_size: 8,
            deadline: defaults.deadline.into(),
            connect_timeout: defaults.connect_timeout.into(),
            prepared_statements: PreparedStatements::default(),
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
        count_failures(URL_FILE, 0);
        Some(UrlSource::new(move || {
            let failed = |error: &Error| {
                count_failures(URL_FILE, 1);
                tracing::warn!(setting = URL_FILE, %error, "cannot be read again: what was in force stays so");
            };
            read_url(&path).inspect_err(failed).ok()
        }))
    }
}

/// A URL that can be used.
fn read_url(path: &Path) -> Result<String, Error> {
    let url = Secret::read(URL_FILE, path)?.expose().to_owned();
    PostgresSettings::new(url.as_str()).clear_text()?;
    Ok(url)
}
