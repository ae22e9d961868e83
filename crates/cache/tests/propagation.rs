//! When a change is acknowledged, with real caches that follow a feed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "shared with the other tests")]
mod support;

use std::{sync::Arc, time::Duration};

use capykeys_cache::{
    BootClock, BootTime, CacheSettings, LONGEST_REGISTRATION, Polling, Propagation, VerificationCache,
};
use capykeys_domain::{
    ports::{Change, KeyResolver, ReplicaId, Replicas},
    secret::KeyDigest,
};
use support::{FakeBootClock, FakeStore};
use tokio::{runtime::Handle, time::sleep};

const LEASE: Duration = Duration::from_millis(500);
/// A lease, and what two clocks may drift apart in it.
const RUN_OUT: Duration = Duration::from_micros(500_500);

struct World {
    store: Arc<FakeStore>,
    clock: Arc<FakeBootClock>,
}

/// A replica that has a lease.
struct Replica {
    cache: VerificationCache,
    following: Option<Polling>,
}

impl World {
    fn new() -> Self {
        Self { store: Arc::default(), clock: Arc::new(FakeBootClock::new()) }
    }

    async fn replica(&self, id: u8) -> Replica {
        let settings = CacheSettings { lease: LEASE, ..CacheSettings::default() };
        let cache = VerificationCache::with_clock(
            settings,
            ReplicaId([id; 16]),
            self.store.ports(),
            Arc::clone(&self.clock) as _,
        );
        let following = Some(cache.spawn(&Handle::current()));
        while cache.lease_remaining().is_none() {
            sleep(Duration::from_millis(1)).await;
        }
        Replica { cache, following }
    }

    fn propagation(&self, own: &Replica) -> Propagation {
        Propagation::new(Some(own.cache.clone())).with_others(self.store.clone(), &Handle::current())
    }

    /// How long a revocation that `own` makes waits to be acknowledged.
    async fn waits(&self, own: &Replica, digest: &KeyDigest) -> Duration {
        let propagation = self.propagation(own);
        let change = self.store.revoke(digest);
        let committed = self.clock.now();
        propagation.until_obeyed(change).await;
        self.clock.now().since(committed)
    }
}

impl Replica {
    async fn accepts(&self, digest: &KeyDigest, keep: Duration) -> (bool, Duration) {
        let resolved = self.cache.resolve(std::slice::from_ref(digest), keep).await.unwrap();
        (resolved.found.unwrap().key.revoked_at.is_none(), resolved.reliable_for)
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_alone_acknowledges_at_once() {
    let world = World::new();
    let own = world.replica(1).await;
    let digest = world.store.add_key();
    assert_eq!(world.waits(&own, &digest).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_follows_is_waited_for_until_it_has_obeyed() {
    let world = World::new();
    let (own, other) = (world.replica(1).await, world.replica(2).await);
    let digest = world.store.add_key();
    assert!(other.accepts(&digest, Duration::ZERO).await.0);
    let waited = world.waits(&own, &digest).await;
    assert!(!other.accepts(&digest, Duration::ZERO).await.0);
    assert!(waited > Duration::ZERO && waited <= Duration::from_millis(120), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_cut_off_delays_an_acknowledgement_by_its_lease_and_no_more() {
    let world = World::new();
    let (own, mut other) = (world.replica(1).await, world.replica(2).await);
    let digest = world.store.add_key();
    other.following.take();
    let waited = world.waits(&own, &digest).await;
    assert!(waited >= RUN_OUT && waited < RUN_OUT + Duration::from_millis(2), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_fails_or_hangs_costs_the_longest_registration_and_no_more() {
    let world = World::new();
    let (own, digest) = (world.replica(1).await, world.store.add_key());
    world.store.hang_registry(true);
    let waited = world.waits(&own, &digest).await;
    let longest = LONGEST_REGISTRATION + LONGEST_REGISTRATION / 1_000;
    assert!(waited >= longest && waited < longest + Duration::from_millis(20), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_has_hung_is_read_again() {
    let world = World::new();
    let own = world.replica(1).await;
    let (first, second) = (world.store.add_key(), world.store.add_key());
    let propagation = world.propagation(&own);
    world.store.hang_registry(true);
    propagation.until_obeyed(world.store.revoke(&first)).await;
    world.store.hang_registry(false);
    let asked = world.clock.now();
    propagation.until_obeyed(world.store.revoke(&second)).await;
    assert!(world.clock.now().since(asked) < Duration::from_millis(20));
}

/// For as long as they were told and not as they asked for.
#[tokio::test(start_paused = true)]
async fn a_caller_that_keeps_a_verdict_is_waited_for_wherever_it_was_given() {
    for keeps_at_own in [true, false] {
        let world = World::new();
        let (own, other) = (world.replica(1).await, world.replica(2).await);
        let asked = if keeps_at_own { &own } else { &other };
        let digest = world.store.add_key();
        for keep in [Duration::ZERO, Duration::from_millis(300), Duration::from_hours(1)] {
            asked.accepts(&digest, keep).await;
        }
        let (accepted, keeps) = asked.accepts(&digest, Duration::from_millis(300)).await;
        assert!(accepted && keeps <= Duration::from_millis(300) && keeps >= Duration::from_millis(290));
        let told: BootTime = world.clock.now();
        world.waits(&own, &digest).await;
        assert!(world.clock.now() >= told.after(keeps), "{keeps_at_own}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_asks_without_a_lease_may_keep_nothing() {
    let world = World::new();
    let mut own = world.replica(1).await;
    own.following.take();
    world.clock.sleep(LEASE);
    let digest = world.store.add_key();
    assert_eq!(own.accepts(&digest, Duration::from_hours(1)).await, (true, Duration::ZERO));
}

/// The read's answer is on its way while the key is revoked, and nobody waits for a replica that is not
/// registered any more: who asks afterwards must not be given it.
#[tokio::test(start_paused = true)]
async fn without_a_lease_nobody_is_given_a_read_that_began_before_they_asked() {
    let world = World::new();
    let own = world.replica(1).await;
    let settings = CacheSettings::default();
    let (store, clock) = (world.store.ports(), Arc::clone(&world.clock));
    let cache = VerificationCache::with_clock(settings, ReplicaId([9; 16]), store, clock);
    cache.catch_up().await.unwrap();
    world.store.forget(ReplicaId([9; 16])).await;
    world.clock.sleep(LEASE);
    let unregistered = Replica { cache, following: None };
    let digest = world.store.add_key();
    world.store.delay_lookup(Duration::from_millis(100));
    let after = async {
        sleep(Duration::from_millis(10)).await;
        assert_eq!(world.waits(&own, &digest).await, Duration::ZERO);
        unregistered.accepts(&digest, Duration::ZERO).await.0
    };
    let before = unregistered.accepts(&digest, Duration::ZERO);
    let (before, after) = tokio::join!(before, after);
    assert!(before.0 && !after);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_gone_is_forgotten_and_waited_for_no_more() {
    let world = World::new();
    let (own, mut gone) = (world.replica(1).await, world.replica(2).await);
    gone.following.take();
    sleep(Duration::from_mins(1)).await;
    let digest = world.store.add_key();
    assert_eq!(world.waits(&own, &digest).await, Duration::ZERO);
    assert_eq!(world.store.replicas().await, [ReplicaId([1; 16])]);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_was_forgotten_registers_again() {
    let world = World::new();
    let (_own, mut other) = (world.replica(1).await, world.replica(2).await);
    other.following.take();
    sleep(Duration::from_mins(1)).await;
    assert!(other.cache.lease_remaining().is_none());
    let _following = other.cache.spawn(&Handle::current());
    while other.cache.lease_remaining().is_none() {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(world.store.replicas().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_process_without_a_cache_waits_for_everybody() {
    let world = World::new();
    let (mut other, digest) = (world.replica(2).await, world.store.add_key());
    other.following.take();
    let propagation = Propagation::new(None).with_others(world.store.clone(), &Handle::current());
    let change: Change = world.store.revoke(&digest);
    let committed = tokio::time::Instant::now();
    let obeyed = propagation.until_obeyed(change);
    tokio::pin!(obeyed);
    // Its clock is the system's, which the paused time of the test does not move.
    let early = tokio::time::timeout(Duration::from_millis(10), &mut obeyed).await;
    assert!(early.is_err());
    let _following = other.cache.spawn(&Handle::current());
    obeyed.await;
    assert!(committed.elapsed() < LEASE);
}
