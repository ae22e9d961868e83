//! A flood of made-up keys, in a process that does nothing else.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/resident.rs"]
mod resident;
#[expect(dead_code, reason = "shared with the other tests")]
mod support;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use capykeys_cache::{CacheSettings, VerificationCache};
use capykeys_domain::{ports::KeyResolver, secret::KeyDigest};
use resident::resident;
use support::{FakeBootClock, FakeStore, REPLICA, random};
use tokio::{runtime::Handle, time::sleep};

const LIVE: usize = 1_000;
const ABSENT: usize = 4_096;
const FLOOD: u64 = 1_000_000;
/// Where each of them left 32 bytes behind, it would be 32 MB.
const SLACK: u64 = 2 << 20;

async fn exists(cache: &VerificationCache, digest: KeyDigest) -> bool {
    cache.resolve(&[digest], Duration::ZERO).await.unwrap().found.is_some()
}

/// The time stands still, so that the lease holds however long this takes.
#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_takes_neither_memory_nor_room_from_live_ones() {
    let settings =
        CacheSettings { keys: NonZeroUsize::new(LIVE).unwrap(), absent: ABSENT, ..CacheSettings::default() };
    let (store, clock) = (Arc::new(FakeStore::default()), Arc::new(FakeBootClock::new()));
    let cache = VerificationCache::with_clock(settings, REPLICA, store.ports(), clock);
    let _polling = cache.spawn(&Handle::current());
    while cache.lease_remaining().is_none() {
        sleep(Duration::from_millis(1)).await;
    }
    let live: Vec<_> = (0..LIVE).map(|_| store.add_key()).collect();
    for digest in &live {
        assert!(exists(&cache, digest.clone()).await);
    }
    // From when on the room for absent ones is full.
    let full = 2 * u64::try_from(ABSENT).unwrap();
    let (mut before, reads) = (0, store.reads());
    let mut in_turn = live.iter().cycle();
    for number in 0..full + FLOOD {
        if number == full {
            before = resident();
        }
        assert!(!exists(&cache, random(number)).await);
        if number % 100 == 0 {
            assert!(exists(&cache, in_turn.next().unwrap().clone()).await);
        }
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < SLACK, "{grown} bytes");
    let status = cache.status();
    assert!(status.keys == LIVE && status.absent <= ABSENT, "{status:?}");
    assert_eq!(store.reads() - reads, full + FLOOD, "one for each, and none for a live one");
    for digest in live {
        assert!(exists(&cache, digest).await);
    }
    assert_eq!(store.reads() - reads, full + FLOOD);
}
