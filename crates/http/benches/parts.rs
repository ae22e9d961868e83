//! The parts of a warm verdict that are ours: the form of a key, its digest, its JSON.
//!
//! `cargo bench -p capykeys-http`
#![expect(clippy::unwrap_used, reason = "as in a test")]

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::OrganizationId,
    secret::{KeyFormat, Pepper, PepperId, Peppers},
};
use capykeys_http::ApiKeyView;
use divan::{Bencher, Divan, black_box};

const KEY: &str = "capy_live_000000000000000000000000000000003UFVO5";

fn main() {
    Divan::default().sample_count(1_000).config_with_args().main();
}

#[divan::bench]
fn form_and_checksum(bencher: Bencher<'_, '_>) {
    let format = KeyFormat::default();
    bencher.bench_local(|| format.parse(black_box(KEY)));
}

#[divan::bench]
fn keyed_blake3(bencher: Bencher<'_, '_>) {
    let pepper = Pepper::new(PepperId::parse("1").unwrap(), [7; 32].into());
    let peppers = Peppers::new(pepper, Vec::new()).unwrap();
    let key = KeyFormat::default().parse(KEY).unwrap();
    bencher.bench_local(|| peppers.candidates(black_box(&key)));
}

#[divan::bench]
fn json_of_a_key(bencher: Bencher<'_, '_>) {
    let now = fixtures::at(1);
    let key = fixtures::key(OrganizationId::new(now, [0; 8]), now).key;
    bencher.bench_local(|| serde_json::to_vec(&ApiKeyView::new(black_box(&key), now)).unwrap());
}
