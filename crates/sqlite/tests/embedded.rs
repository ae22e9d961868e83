//! What the embedded store keeps although processes end, others come, and the disk fails.

use std::path::Path;

use capykeys_conformance::{Store, fixtures};
use capykeys_sqlite::SqliteStore;

capykeys_conformance::embedded_suite!(open);

fn open(folder: &Path) -> Result<Store, String> {
    let store = SqliteStore::open(folder, fixtures::machine()).map_err(|error| error.to_string())?;
    Ok(Store::new(store, ()))
}
