//! Many who ask for one key at once.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use capykeys_domain::{
    ports::{FoundKey, KeyLookup, KeyResolver, Unavailable},
    secret::KeyDigest,
};
use futures_util::{FutureExt, future::join_all};
use shuttle::future::{spawn, yield_now};

use super::{
    schedule,
    store::{Clock, REPLICA, Store},
};
use crate::{CacheSettings, VerificationCache};

const CROWD: u64 = 4;
const SEEDS: u64 = 1_000;

/// A store that answers when everybody waits.
struct Patient {
    store: Arc<Store>,
    waiting: AtomicU64,
}

#[async_trait]
impl KeyLookup for Patient {
    async fn find_key_by_digest(&self, digests: &[KeyDigest]) -> Result<Option<FoundKey>, Unavailable> {
        while self.waiting.load(Ordering::SeqCst) < CROWD {
            yield_now().await;
        }
        self.store.find_key_by_digest(digests).await
    }
}

/// Whether all of them were answered, with the lease that was asked for, and how many reads that took.
async fn ask(lease: bool) -> (bool, u64) {
    let store = Arc::new(Store::new());
    let patient = Arc::new(Patient { store: store.clone(), waiting: AtomicU64::new(0) });
    let cache = VerificationCache::with_clock(
        CacheSettings::default(),
        REPLICA,
        store.ports(patient.clone()),
        Arc::new(Clock::default()),
    );
    let _ = if lease { cache.0.catch_up().await } else { cache.0.register().await };
    let answers = join_all((0..CROWD).map(|_| {
        let (cache, patient) = (cache.clone(), Arc::clone(&patient));
        spawn(async move {
            let digests = [patient.store.key().digest];
            let mut find = pin!(cache.resolve(&digests, Duration::ZERO));
            // It waits now, or was told that the store took too long.
            let failed = find.as_mut().now_or_never();
            patient.waiting.fetch_add(1, Ordering::SeqCst);
            failed.is_none() && find.await.is_ok()
        })
    }));
    let answered = answers.await.into_iter().all(|answer| answer.unwrap());
    (answered && cache.lease_remaining().is_some() == lease, patient.store.reads())
}

/// How many reads each crowd took of which everybody was answered.
fn assert_reads(lease: bool, expected: u64) {
    let crowds = (0..SEEDS).map(|seed| schedule(seed, move || ask(lease)));
    let reads: Vec<_> = crowds.filter(|(answered, _)| *answered).map(|(_, reads)| reads).collect();
    assert!(reads.iter().all(|&reads| reads == expected), "reads: {reads:?}");
    assert!(reads.len() > 100, "{}", reads.len());
}

#[test]
fn those_who_ask_at_once_share_one_read() {
    assert_reads(true, 1);
}

#[test]
fn those_who_ask_without_a_lease_while_one_reads_share_the_read_after_it() {
    assert_reads(false, 2);
}
