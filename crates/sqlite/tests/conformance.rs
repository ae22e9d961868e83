//! The embedded store passes the suite that every storage adapter must pass.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use capykeys_conformance::{Store, fixtures};
use capykeys_sqlite::SqliteStore;
use tempfile::TempDir;

capykeys_conformance::conformance_suite!(fresh);

async fn fresh() -> Store {
    let directory = TempDir::new().unwrap();
    let store = SqliteStore::open(directory.path(), fixtures::host()).unwrap();
    Store::new(store, directory)
}
