//! The cache as a whole: its concurrency, its outages, its bounds.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "shared with the other tests")]
mod support;
#[path = "support/world.rs"]
mod world;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use capykeys_cache::{BootClock, CacheSettings, StoreClock, SystemBootClock, VerificationCache};
use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::OrganizationId,
    ports::{Change, Clock, KeyResolver},
};
use futures_util::future::join_all;
use support::{FakeBootClock, FakeStore, REPLICA, random};
use tokio::{runtime::Handle, time::sleep};
use world::world;

#[tokio::test(start_paused = true)]
async fn a_cached_key_is_found_without_the_store() {
    let world = world(CacheSettings::default()).await;
    let digest = world.store.add_key();
    let first = world.find(&digest).await.unwrap();
    assert_eq!(world.store.reads(), 1);
    for _ in 0..100 {
        assert_eq!(world.find(&digest).await.as_ref(), Some(&first));
    }
    assert_eq!(world.find(&random(1)).await, None);
    assert_eq!(world.find(&random(1)).await, None);
    assert_eq!(world.store.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_a_lease_every_lookup_is_a_read_and_passes_on_what_fails() {
    let world = world(CacheSettings::default()).await;
    let digest = world.store.add_key();
    world.find(&digest).await;
    world.store.break_feed(true);
    world.until_there_is_none().await;
    assert!(world.reads(&digest).await && world.reads(&digest).await);
    world.store.break_lookup(true);
    let error = world.cache.resolve(std::slice::from_ref(&digest), Duration::ZERO).await.unwrap_err();
    assert_eq!(error.to_string(), "cache: store: 57P01");
}

#[tokio::test(start_paused = true)]
async fn with_a_lease_a_cached_key_outlives_an_outage_of_the_store_until_it_runs_out() {
    let world = world(CacheSettings::default()).await;
    let digest = world.store.add_key();
    world.find(&digest).await;
    world.store.break_feed(true);
    world.store.break_lookup(true);
    let answer = world.cache.find(std::slice::from_ref(&digest), Duration::ZERO).await.unwrap();
    assert!(answer.remaining(world.clock.now()).unwrap() <= Duration::from_millis(500));
    world.until_there_is_none().await;
    assert!(world.cache.resolve(std::slice::from_ref(&digest), Duration::ZERO).await.is_err());
    assert_eq!(answer.remaining(world.clock.now()), None);
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_the_feed_is_followed_again_and_what_was_missed_is_obeyed() {
    let world = world(CacheSettings::default()).await;
    let (kept, revoked) = (world.store.add_key(), world.store.add_key());
    world.find(&kept).await;
    world.find(&revoked).await;
    world.store.break_feed(true);
    world.until_there_is_none().await;
    sleep(Duration::from_mins(1)).await;
    world.store.revoke(&revoked);
    world.store.break_feed(false);
    let healed = world.clock.now();
    world.until_there_is_a_lease().await;
    assert!(world.clock.now().since(healed) < Duration::from_secs(1));
    assert!(!world.reads(&kept).await);
    assert!(world.reads(&revoked).await);
    assert!(world.find(&revoked).await.unwrap().key.revoked_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_lag_of_the_feed_is_the_time_since_it_last_answered() {
    let world = world(CacheSettings::default()).await;
    let lag = || world.cache.status().feed_lag.unwrap();
    assert!(lag() <= CacheSettings::default().lease, "{:?}", lag());
    world.store.break_feed(true);
    world.until_there_is_none().await;
    let before = lag();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(lag(), before + Duration::from_mins(1));
    world.store.break_feed(false);
    world.until_there_is_a_lease().await;
    assert!(lag() <= CacheSettings::default().lease, "{:?}", lag());
    sleep(Duration::from_secs(6)).await;
    assert_eq!(world.cache.status().replicas, 1);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_swallows_polls_costs_the_lease_and_comes_back() {
    let world = world(CacheSettings::default()).await;
    world.store.hang_feed(true);
    world.until_there_is_none().await;
    world.store.hang_feed(false);
    let healed = world.clock.now();
    world.until_there_is_a_lease().await;
    assert!(world.clock.now().since(healed) < Duration::from_secs(1));
}

/// What the store answers may be a primary's that was replaced.
#[tokio::test(start_paused = true)]
async fn a_replica_of_which_nothing_is_committed_any_more_gives_no_verdict_once_its_registration_has_run_out()
{
    let world = world(CacheSettings::default()).await;
    let (known, unknown) = (world.store.add_key(), world.store.add_key());
    world.find(&known).await;
    world.store.break_registration(true);
    sleep(Duration::from_secs(7)).await;
    assert!(!world.reads(&known).await && world.reads(&unknown).await);
    world.until_there_is_none().await;
    for digest in [&known, &unknown] {
        let refused = world.cache.resolve(std::slice::from_ref(digest), Duration::ZERO).await.unwrap_err();
        assert!(refused.to_string().contains("has committed nothing of this server lately"), "{refused}");
    }
    world.store.break_registration(false);
    world.until_there_is_a_lease().await;
    assert!(!world.reads(&known).await);
}

#[tokio::test(start_paused = true)]
async fn a_registration_counts_from_when_it_was_sent_and_is_renewed_before_it_runs_out() {
    let (store, clock) = (Arc::new(FakeStore::default()), Arc::new(FakeBootClock::new()));
    let settings = CacheSettings::default();
    let cache = VerificationCache::with_clock(settings, REPLICA, store.ports(), Arc::clone(&clock) as _);
    store.delay_registration(Duration::from_secs(2));
    let sent = clock.now();
    cache.catch_up().await.unwrap();
    assert!(clock.now().since(sent) >= Duration::from_secs(2));
    let digest = store.add_key();
    let verdict = async || cache.resolve(std::slice::from_ref(&digest), Duration::ZERO).await.is_ok();
    let left = settings.registration.saturating_sub(clock.now().since(sent));
    sleep(left.saturating_sub(Duration::from_millis(1))).await;
    assert!(verdict().await);
    sleep(Duration::from_millis(1)).await;
    assert!(!verdict().await);

    let _polling = cache.spawn(&Handle::current());
    store.delay_registration(Duration::ZERO);
    let before = store.registrations();
    sleep(Duration::from_secs(5)).await;
    for _ in 0..100 {
        assert!(verdict().await);
        sleep(Duration::from_secs(1)).await;
    }
    assert!((40..=44).contains(&(store.registrations() - before)), "{}", store.registrations() - before);
}

#[tokio::test(start_paused = true)]
async fn more_changes_than_one_poll_may_tell_are_all_obeyed() {
    let world = world(CacheSettings::default()).await;
    let digests: Vec<_> = (0..2_500).map(|_| world.store.add_key()).collect();
    for digest in &digests {
        world.find(digest).await;
        world.store.revoke(digest);
    }
    sleep(CacheSettings::default().lease).await;
    for digest in &digests {
        assert!(world.find(digest).await.unwrap().key.revoked_at.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn another_history_empties_the_cache() {
    let world = world(CacheSettings::default()).await;
    let digest = world.store.add_key();
    world.find(&digest).await;
    world.find(&random(1)).await;
    world.store.diverge();
    sleep(Duration::from_millis(200)).await;
    assert_eq!((world.cache.status().keys, world.cache.status().absent), (0, 0));
    assert!(world.reads(&digest).await);
    assert!(!world.reads(&digest).await);
}

#[tokio::test(start_paused = true)]
async fn changes_that_were_read_and_are_lost_are_counted() {
    let world = world(CacheSettings::default()).await;
    let digest = world.store.add_key();
    for _ in 0..3 {
        world.store.revoke(&digest);
    }
    sleep(Duration::from_millis(200)).await;
    for (lost, counted) in [(2, 2), (0, 2), (1, 3)] {
        world.store.lose(lost);
        sleep(Duration::from_millis(200)).await;
        assert_eq!(world.cache.status().lost_changes, counted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_revoked_while_it_is_read_is_read_again() {
    let world = world(CacheSettings::default()).await;
    let digest = world.store.add_key();
    world.store.delay_lookup(Duration::from_millis(250));
    let revoke = async {
        sleep(Duration::from_millis(20)).await;
        world.store.revoke(&digest);
    };
    let (found, ()) = tokio::join!(world.find(&digest), revoke);
    assert!(found.unwrap().key.revoked_at.is_some());
    assert_eq!(world.store.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_after_a_sleep_is_not_given() {
    let world = world(CacheSettings::default()).await;
    let digest = world.store.add_key();
    world.store.break_feed(true);
    world.until_there_is_none().await;
    world.store.delay_lookup(Duration::from_millis(20));
    let suspend = async {
        sleep(Duration::from_millis(10)).await;
        world.store.revoke(&digest);
        world.clock.sleep(Duration::from_secs(5));
    };
    let (found, ()) = tokio::join!(world.find(&digest), suspend);
    assert!(found.unwrap().key.revoked_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_lease_runs_out_while_the_machine_sleeps() {
    let world = world(CacheSettings::default()).await;
    let digest = world.store.add_key();
    world.find(&digest).await;
    world.clock.sleep(Duration::from_millis(600));
    assert_eq!(world.cache.lease_remaining(), None);
    assert!(world.reads(&digest).await);
}

#[tokio::test(start_paused = true)]
async fn own_changes_are_obeyed_at_once() {
    let world = world(CacheSettings::default()).await;
    let (one, other) = (world.store.add_key(), world.store.add_key());
    let (one_found, other_found) = (world.find(&one).await.unwrap(), world.find(&other).await.unwrap());
    let _ = world.cache.invalidate(Change::Key(one_found.key.id));
    assert!(world.reads(&one).await && !world.reads(&other).await);
    let _ = world.cache.invalidate(Change::Organization(other_found.organization.id));
    assert!(world.reads(&other).await && !world.reads(&one).await);
    world.cache.clear();
    assert!(world.reads(&one).await && world.reads(&other).await);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_organization_takes_all_its_keys_with_one_event() {
    let world = world(CacheSettings::default()).await;
    let organization = OrganizationId::new(fixtures::at(0), [1; 8]);
    let digests: Vec<_> = (0..10_000).map(|_| world.store.add_key_of(organization)).collect();
    let other = world.store.add_key();
    for digest in digests.iter().chain([&other]) {
        world.find(digest).await;
    }
    world.store.tell(Change::Organization(organization));
    sleep(CacheSettings::default().lease).await;
    assert_eq!(world.cache.status().keys, 1);
    assert!(!world.reads(&other).await);
}

/// A key that is made elsewhere can be asked for before it is there.
#[tokio::test(start_paused = true)]
async fn what_was_remembered_as_absent_is_forgotten_once_a_key_was_brought() {
    let world = world(CacheSettings::default()).await;
    let (own, absent) = (world.store.add_key(), random(1));
    assert!(!world.cache.may_know_brought());
    assert!(world.reads(&own).await && world.reads(&absent).await && !world.reads(&absent).await);
    world.store.tell(Change::Brought(OrganizationId::new(fixtures::at(0), [1; 8])));
    sleep(CacheSettings::default().lease).await;
    assert!(world.cache.may_know_brought());
    assert!(world.reads(&absent).await && !world.reads(&absent).await && !world.reads(&own).await);
    // As the replica does that has stored one.
    let _ = world.cache.invalidate(Change::Brought(OrganizationId::new(fixtures::at(0), [2; 8])));
    assert!(world.reads(&absent).await && !world.reads(&own).await);
    // Whatever the feed has lost.
    world.store.diverge();
    sleep(CacheSettings::default().lease).await;
    assert!(world.cache.may_know_brought());
}

#[tokio::test(start_paused = true)]
async fn a_read_that_found_nothing_is_repeated_where_a_key_was_brought_meanwhile() {
    let world = world(CacheSettings::default()).await;
    let digest = random(1);
    world.store.delay_lookup(Duration::from_millis(50));
    let bring = async {
        sleep(Duration::from_millis(10)).await;
        let _ = world.cache.invalidate(Change::Brought(OrganizationId::new(fixtures::at(0), [1; 8])));
    };
    let (found, ()) = tokio::join!(world.find(&digest), bring);
    assert_eq!((found, world.store.reads()), (None, 2));
}

#[tokio::test(start_paused = true)]
async fn before_it_has_heard_of_the_store_a_replica_takes_any_key_for_possible() {
    let store = Arc::new(FakeStore::default());
    let cache = VerificationCache::new(CacheSettings::default(), REPLICA, store.ports());
    assert!(cache.may_know_brought());
    cache.catch_up().await.unwrap();
    assert!(!cache.may_know_brought());
}

#[tokio::test(start_paused = true)]
async fn the_stores_time_goes_on_between_polls_and_in_sleep() {
    let world = world(CacheSettings::default()).await;
    let clock = StoreClock::new(world.cache.clone(), Arc::new(fixtures::ManualClock::default()));
    let before = clock.now();
    world.store.break_feed(true);
    world.clock.sleep(Duration::from_hours(1));
    assert!(clock.now() >= before.saturating_add(Duration::from_hours(1)));
    assert!(clock.now() <= before.saturating_add(Duration::from_secs(3_601)));
}

#[tokio::test]
async fn threads_that_look_up_revoke_and_clear_at_once_come_to_no_harm() {
    let store = Arc::new(FakeStore::default());
    let cache = VerificationCache::with_clock(
        CacheSettings { keys: NonZeroUsize::new(50).unwrap(), ..CacheSettings::default() },
        REPLICA,
        store.ports(),
        Arc::new(SystemBootClock),
    );
    cache.catch_up().await.unwrap();
    let _polling = cache.spawn(&Handle::current());
    let digests: Arc<Vec<_>> = Arc::new((0..100).map(|_| store.add_key()).collect());
    let threads = (0..4_usize).map(|thread| {
        let (cache, digests, store) = (cache.clone(), Arc::clone(&digests), Arc::clone(&store));
        tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            for round in 0..5_000_usize {
                let digest = &digests[(round * 7 + thread * 13) % digests.len()];
                let found = runtime.block_on(cache.resolve(std::slice::from_ref(digest), Duration::ZERO));
                let found = found.unwrap().found.unwrap();
                assert_eq!(found.digest, *digest);
                if round % 500 == thread {
                    store.revoke(digest);
                    let _ = cache.invalidate(Change::Key(found.key.id));
                    let again = runtime.block_on(cache.resolve(std::slice::from_ref(digest), Duration::ZERO));
                    assert!(again.unwrap().found.unwrap().key.revoked_at.is_some());
                }
                if round % 1_000 == 0 {
                    cache.clear();
                }
            }
        })
    });
    for thread in join_all(threads).await {
        thread.unwrap();
    }
    assert!(cache.status().keys <= 50);
}
