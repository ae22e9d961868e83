//! The adapter passes the suite that every storage adapter must pass.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use capykeys_conformance::{Store, fixtures};
use capykeys_redb::RedbStore;

capykeys_conformance::conformance_suite!(fresh);

async fn fresh() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let store = RedbStore::open(folder.path(), fixtures::host(), Duration::from_secs(1)).unwrap();
    Store::new(store, folder)
}
