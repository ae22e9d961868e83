//! What it costs to find a key that is remembered.
//!
//! `cargo bench -p capykeys-cache`
#![expect(clippy::unwrap_used, reason = "as in a test")]

#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "made for the tests, which need more of it")]
mod support;

use std::{slice, sync::Arc, time::Duration};

use capykeys_cache::{CacheSettings, VerificationCache};
use capykeys_domain::ports::KeyResolver;
use divan::{Bencher, Divan, black_box};
use support::{FakeStore, REPLICA};
use tokio::{runtime::Builder, time::sleep};

fn main() {
    Divan::default().sample_count(1_000).config_with_args().main();
}

#[divan::bench(args = [1, 1_000, 100_000])]
fn hit(bencher: Bencher<'_, '_>, keys: usize) {
    // The feed is followed beside it.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = Arc::new(FakeStore::default());
    let cache = VerificationCache::new(CacheSettings::default(), REPLICA, store.ports());
    let digests: Vec<_> = (0..keys).map(|_| store.add_key()).collect();
    let find = |digest| cache.resolve(slice::from_ref(digest), Duration::ZERO);
    let _polling = cache.spawn(runtime.handle());
    runtime.block_on(async {
        while cache.lease_remaining().is_none() {
            sleep(Duration::from_millis(1)).await;
        }
        for digest in &digests {
            find(digest).await.unwrap();
        }
    });
    let mut digests = digests.iter().cycle();
    bencher.bench_local(|| {
        let digest = digests.next().unwrap();
        runtime.block_on(find(black_box(digest))).unwrap()
    });
}
