//! What the store keeps although processes end, others come, and the disk fails.

use std::{path::Path, time::Duration};

use capykeys_conformance::{Store, fixtures};
use capykeys_redb::RedbStore;

capykeys_conformance::embedded_suite!(open);

fn open(folder: &Path) -> Result<Store, String> {
    let store = RedbStore::open(folder, fixtures::machine(), Duration::from_secs(1));
    store.map(|store| Store::new(store, ())).map_err(|error| error.to_string())
}
