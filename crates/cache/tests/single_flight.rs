//! Many who ask for one key at once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "shared with the other tests")]
mod support;
#[path = "support/world.rs"]
#[expect(dead_code, reason = "shared with the other tests")]
mod world;

use std::time::Duration;

use capykeys_cache::{BootClock, CacheSettings};
use capykeys_domain::ports::KeyResolver;
use futures_util::{FutureExt, future::join_all};
use tokio::time::sleep;
use world::world;

#[tokio::test(start_paused = true)]
async fn a_thousand_who_ask_for_one_key_read_it_once() {
    let world = world(CacheSettings::default()).await;
    let digest = world.store.add_key();
    world.store.delay_lookup(Duration::from_millis(20));
    let found = join_all((0..1_000).map(|_| world.find(&digest))).await;
    assert!(found.iter().all(Option::is_some));
    assert_eq!(world.store.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_feed_is_down_a_thousand_share_the_read_after_the_one_that_is_under_way() {
    let world = world(CacheSettings::default()).await;
    let digest = world.store.add_key();
    world.store.break_feed(true);
    world.until_there_is_none().await;
    world.store.delay_lookup(Duration::from_millis(20));
    let found = join_all((0..1_000).map(|_| world.find(&digest))).await;
    assert!(found.iter().all(Option::is_some));
    assert_eq!(world.store.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn while_the_feed_is_down_nobody_is_given_a_read_that_began_before_they_asked() {
    let world = world(CacheSettings::default()).await;
    let digest = world.store.add_key();
    world.store.break_feed(true);
    world.until_there_is_none().await;
    world.store.delay_lookup(Duration::from_millis(20));
    let after_a_change = async {
        sleep(Duration::from_millis(5)).await;
        world.store.revoke(&digest);
        world.find(&digest).await
    };
    let (before, after) = tokio::join!(world.find(&digest), after_a_change);
    assert!(before.unwrap().key.revoked_at.is_none());
    assert!(after.unwrap().key.revoked_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_end_of_a_read_is_not_stranded_when_that_is_given_up() {
    let world = world(CacheSettings::default()).await;
    let digest = world.store.add_key();
    world.store.break_feed(true);
    world.until_there_is_none().await;
    world.store.delay_lookup(Duration::from_millis(20));
    let mut first = Box::pin(world.find(&digest));
    assert!(first.as_mut().now_or_never().is_none());
    let leave = async {
        sleep(Duration::from_millis(5)).await;
        drop(first);
    };
    let (found, ()) = tokio::join!(world.find(&digest), leave);
    assert!(found.is_some());
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_strands_nobody() {
    let world = world(CacheSettings::default()).await;
    let digest = world.store.add_key();
    world.store.delay_lookup(Duration::from_millis(20));
    let mut leader = Box::pin(world.find(&digest));
    assert!(leader.as_mut().now_or_never().is_none());
    let follower = world.find(&digest);
    let leave = async {
        sleep(Duration::from_millis(5)).await;
        drop(leader);
    };
    let (found, ()) = tokio::join!(follower, leave);
    assert!(found.is_some());
    assert_eq!(world.store.reads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_given_up_after_a_lease() {
    let world = world(CacheSettings::default()).await;
    let digest = world.store.add_key();
    world.store.delay_lookup(Duration::from_hours(1));
    let asked = world.clock.now();
    let error = world.cache.resolve(std::slice::from_ref(&digest), Duration::ZERO).await.unwrap_err();
    assert_eq!(error.to_string(), "cache: store: find_key_by_digest: no answer in time");
    assert_eq!(world.clock.now().since(asked), CacheSettings::default().lease);
    world.store.delay_lookup(Duration::ZERO);
    assert!(world.find(&digest).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_read_that_failed_is_not_what_the_next_one_gets() {
    let world = world(CacheSettings::default()).await;
    let digest = world.store.add_key();
    world.store.break_lookup(true);
    assert!(world.cache.resolve(std::slice::from_ref(&digest), Duration::ZERO).await.is_err());
    world.store.break_lookup(false);
    assert!(world.find(&digest).await.is_some());
}
