//! `capykeys migrate`

use capykeys_sqlite::SqliteStore;

use super::Error;
use crate::{
    config::{Config, StoreKind},
    output, store,
};

/// Brings the store's schema up to date.
pub(crate) async fn run(config: &Config) -> Result<(), Error> {
    match config.store.kind {
        // Opening it does it.
        StoreKind::Sqlite => drop(SqliteStore::open(&config.sqlite.directory)?),
        StoreKind::Postgres => {
            capykeys_postgres::migrate(&store::postgres_settings(&config.postgres)?).await?;
        }
    }
    output::text("The schema is up to date.\n")
}
