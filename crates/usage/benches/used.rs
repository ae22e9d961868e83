//! What it costs a request that its key is noted, with all threads at it and nothing else to do.
//!
//! `cargo bench -p capykeys-usage`

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use capykeys_conformance::{fixtures, model::ModelStore};
use capykeys_domain::{
    model::KeyId,
    ports::{KeyUse, Uses},
};
use capykeys_usage::{UsageSettings, UseRecorder};
use divan::{Bencher, Divan, counter::ItemsCount};

/// Uses in one sample: enough that the threads really meet.
const USES: u32 = 100_000;

fn main() {
    Divan::from_args().main();
}

fn used(bencher: Bencher<'_, '_>, keys: i64) {
    let recorder = UseRecorder::new(UsageSettings::default(), Arc::new(ModelStore::default()));
    let ids: Vec<KeyId> = (0..keys).map(|key| KeyId::new(fixtures::at(key), (!key).to_be_bytes())).collect();
    let now = AtomicI64::new(0);
    bencher.counter(ItemsCount::new(USES)).bench(|| {
        let start = now.fetch_add(USES.into(), Ordering::Relaxed);
        for (id, micros) in ids.iter().cycle().zip(start..start + i64::from(USES)) {
            recorder.used(KeyUse { key: black_box(*id), at: fixtures::at(micros), with_previous: false });
        }
    });
}

#[divan::bench(threads = [1, 2, 8])]
fn one_key(bencher: Bencher<'_, '_>) {
    used(bencher, 1);
}

#[divan::bench(threads = [1, 2, 8])]
fn ten_thousand_keys(bencher: Bencher<'_, '_>) {
    used(bencher, 10_000);
}
