//! The configured store.

mod postgres;
mod sqlite;

use std::sync::Arc;

use capykeys_storage::Backend;

use self::{postgres::Postgres, sqlite::Sqlite};
use crate::{
    config::{Config, ConfigError},
    error::Error,
};

/// The store that the configuration names. Its settings are checked and nothing is opened.
pub(crate) fn configured(config: &Config) -> Result<Arc<dyn Backend + '_>, Error> {
    refuse_settings_of_others(config)?;
    Ok(match (&config.own_store, config.store.kind.as_str()) {
        (Some(own), _) => Arc::clone(&own.backend),
        (None, "postgres") => Arc::new(Postgres::new(config)?),
        (None, "sqlite") => Arc::new(Sqlite(config)),
        (None, _) => {
            let sentence = "no store is of the kind that `store.kind` names".to_owned();
            return Err(ConfigError::Invalid(sentence).into());
        }
    })
}

/// Whoever has set what another store alone reads believes that it is used.
fn refuse_settings_of_others(config: &Config) -> Result<(), ConfigError> {
    let (sqlite, postgres) = (&config.sqlite, &config.postgres);
    let names_postgres = postgres.url.is_some() || postgres.url_file.is_some();
    let set = [
        (sqlite.first_key_file.is_some(), "sqlite.first_key_file", "sqlite"),
        (names_postgres, "postgres.url", "postgres"),
    ];
    match set.iter().find(|(is_set, _, kind)| *is_set && *kind != config.store.kind) {
        Some((_, setting, kind)) => {
            Err(ConfigError::Invalid(format!("`{setting}` is set, so `store.kind` must be `{kind}`")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
