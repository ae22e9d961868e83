//! The adapter passes the suite that every storage adapter must pass.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{path::Path, sync::Arc, time::Duration};

use capykeys_conformance::{
    Store,
    fixtures::{ManualClock, machine},
};
use capykeys_domain::{model::KeyId, ports::Host};
use capykeys_redb::RedbStore;
use redb::{Builder, ConcurrencyMode, ReadableTable as _, TableDefinition};

capykeys_conformance::conformance_suite!(fresh);

async fn fresh() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let host = Host { clock: clock.clone(), ..machine() };
    let store = RedbStore::open(folder.path(), host, Duration::from_secs(1)).unwrap();
    let (counted, file) = (store.clone(), folder.path().join("capykeys.redb"));
    Store::new(store, folder)
        .driven_by(clock)
        .counted_by(move || counted.pages_read())
        .spoiled_by(move |id, text| spoil(&file, id, text))
}

/// Puts a text in the place of the key's scopes.
fn spoil(file: &Path, id: KeyId, text: &str) {
    const KEYS: TableDefinition<'static, u128, &[u8]> = TableDefinition::new("keys");
    let mut builder = Builder::new();
    let beside = builder.set_concurrency_mode(ConcurrencyMode::MultiWriter).open(file).unwrap();
    let transaction = beside.begin_write().unwrap();
    {
        let mut keys = transaction.open_table(KEYS).unwrap();
        let id = id.uuid().as_u128();
        let document = String::from_utf8(keys.get(id).unwrap().unwrap().value().to_vec()).unwrap();
        let spoiled = document.replace("projects:read", text);
        assert_ne!(spoiled, document);
        keys.insert(id, spoiled.as_bytes()).unwrap();
    }
    transaction.commit().unwrap();
}
