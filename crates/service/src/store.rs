//! The configured store.

mod backend;
mod postgres;
mod sqlite;

pub(crate) use backend::{Backend, OpenedFor, Store};

use self::{postgres::Postgres, sqlite::Sqlite};
use crate::{
    config::{Config, ConfigError, StoreKind},
    error::Error,
};

/// The store that the configuration names. Its settings are checked and nothing is opened.
pub(crate) fn configured(config: &Config) -> Result<Box<dyn Backend + '_>, Error> {
    refuse_settings_of_others(config)?;
    Ok(match config.store.kind {
        StoreKind::Sqlite => Box::new(Sqlite(config)),
        StoreKind::Postgres => Box::new(Postgres::new(config)?),
    })
}

/// Whoever has set what another store alone reads believes that it is used.
fn refuse_settings_of_others(config: &Config) -> Result<(), ConfigError> {
    let (sqlite, postgres) = (&config.sqlite, &config.postgres);
    let names_postgres = postgres.url.is_some() || postgres.url_file.is_some();
    let set = [
        (sqlite.first_key_file.is_some(), StoreKind::Sqlite, "sqlite.first_key_file", "sqlite"),
        (names_postgres, StoreKind::Postgres, "postgres.url", "postgres"),
    ];
    match set.iter().find(|(is_set, kind, ..)| *is_set && *kind != config.store.kind) {
        Some((_, _, setting, kind)) => {
            Err(ConfigError::Invalid(format!("`{setting}` is set, so `store.kind` must be `{kind}`")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_another_store_are_refused_by_their_name() {
        let mut config = Config::default();
        config.postgres.url_file = Some("url".into());
        let refused = configured(&config).err().unwrap().to_string();
        assert!(refused.contains("`postgres.url` is set, so `store.kind` must be `postgres`"), "{refused}");
        let mut config = Config::default();
        config.store.kind = StoreKind::Postgres;
        config.sqlite.first_key_file = Some("first.key".into());
        let refused = configured(&config).err().unwrap().to_string();
        assert!(refused.contains("`sqlite.first_key_file` is set"), "{refused}");
    }
}
