//! The embedded store passes the suite that every storage adapter must pass.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use capykeys_conformance::{
    Store,
    fixtures::{ManualClock, machine},
};
use capykeys_domain::ports::Host;
use capykeys_sqlite::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

capykeys_conformance::conformance_suite!(fresh);

async fn fresh() -> Store {
    let directory = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::default());
    let host = Host { clock: clock.clone(), ..machine() };
    let store = SqliteStore::open(directory.path(), host).unwrap();
    let file = directory.path().join("capykeys.db");
    // The plans of the statements are tested beside them.
    Store::new(store, directory).driven_by(clock).reads_are_tested_elsewhere().spoiled_by(move |id, text| {
        let beside = Connection::open(&file).unwrap();
        beside.pragma_update(None, "ignore_check_constraints", true).unwrap();
        let spoil = "UPDATE api_keys SET scopes = ?1 WHERE id = ?2";
        assert_eq!(beside.execute(spoil, (text, id.uuid().as_bytes())).unwrap(), 1);
    })
}
