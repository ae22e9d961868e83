//! Uses come into the store: coalesced, through failures, at the end, and none is lost.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod property;
mod refusals;
mod support;

use std::{collections::HashMap, num::NonZeroUsize, sync::Arc, time::Duration};

use capykeys_conformance::fixtures::at;
use capykeys_domain::{
    model::KeyId,
    ports::{KeyStore, KeyUse, Uses},
};
use capykeys_usage::{Recording, UsageSettings, UseRecorder};
use support::{FakeStore, Fate, used};
use tokio::{
    runtime::{Builder, Handle},
    time::{Instant, sleep},
};

const SECOND: Duration = Duration::from_secs(1);

struct World {
    store: Arc<FakeStore>,
    recorder: UseRecorder,
    recording: Recording,
}

/// A store with keys, whose uses are recorded every five seconds, a second from now.
async fn world(keys: i64) -> World {
    let store = FakeStore::with_keys(keys).await;
    let recorder = UseRecorder::new(UsageSettings::default(), Arc::clone(&store) as Arc<dyn KeyStore>);
    let recording = recorder.spawn(&Handle::current());
    sleep(4 * SECOND).await;
    World { store, recorder, recording }
}

impl World {
    fn key(&self, number: usize) -> KeyId {
        self.store.ids[number]
    }

    fn used(&self, number: usize, micros: i64) -> KeyUse {
        used(self.key(number), at(micros))
    }
}

#[tokio::test(start_paused = true)]
async fn a_million_uses_of_a_key_are_one_update_an_interval() {
    let world = world(1).await;
    for interval in 0..3 {
        for micros in 0..1_000_000 {
            world.recorder.used(world.used(0, interval * 5_000_000 + micros));
        }
        sleep(5 * SECOND).await;
    }
    let expected: Vec<_> =
        (0..3).map(|interval| vec![world.used(0, interval * 5_000_000 + 999_999)]).collect();
    assert_eq!(world.store.calls(), expected);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_used_nothing_is_asked_of_the_store() {
    let world = world(1).await;
    world.recorder.used(world.used(0, 1));
    sleep(3_600 * SECOND).await;
    assert_eq!(world.recorder.flush(SECOND).await, 0);
    assert_eq!(world.store.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn noting_does_nothing_to_the_store() {
    let world = world(1).await;
    world.recorder.used(world.used(0, 1));
    sleep(SECOND / 2).await;
    assert_eq!((world.store.calls().len(), world.recorder.pending()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn the_last_use_with_each_of_a_keys_secrets_is_recorded() {
    let world = world(1).await;
    let previous = |micros| KeyUse { with_previous: true, ..world.used(0, micros) };
    for one in [world.used(0, 1), previous(3), world.used(0, 2), previous(2)] {
        world.recorder.used(one);
    }
    assert_eq!(world.recorder.pending(), 2);
    sleep(2 * SECOND).await;
    let mut recorded = world.store.calls().concat();
    recorded.sort_by_key(|one| one.with_previous);
    assert_eq!(recorded, [world.used(0, 2), previous(3)]);
}

#[tokio::test(start_paused = true)]
async fn many_keys_are_recorded_a_thousand_at_a_time() {
    let world = world(2_500).await;
    for (id, micros) in world.store.ids.iter().rev().zip(0..) {
        world.recorder.used(used(*id, at(micros)));
    }
    sleep(2 * SECOND).await;
    let calls = world.store.calls();
    assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [1_000, 1_000, 500]);
    assert_eq!(world.store.last_used().await.len(), 2_500);
    assert!(calls.concat().is_sorted_by_key(|one| one.key));
    assert_eq!(world.recorder.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_recorded_is_recorded_with_what_came_later() {
    for fate in [Fate::Refused, Fate::HalfDone, Fate::Unanswered] {
        let world = world(3).await;
        world.store.decide([fate; 3]);
        world.recorder.used(world.used(0, 10));
        world.recorder.used(world.used(1, 11));
        sleep(10 * SECOND).await;
        assert_eq!(world.store.calls().len(), 2, "once an interval, and no oftener");
        world.recorder.used(world.used(1, 20));
        world.recorder.used(world.used(0, 9));
        world.recorder.used(world.used(2, 21));
        sleep(10 * SECOND).await;
        let expected = [(0, 10), (1, 20), (2, 21)].map(|(number, micros)| (world.key(number), at(micros)));
        assert_eq!(world.store.last_used().await, HashMap::from(expected), "{fate:?}");
        sleep(60 * SECOND).await;
        assert_eq!((world.store.calls().len(), world.recorder.pending()), (4, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_that_fails_does_not_hold_up_the_others() {
    let world = world(2_500).await;
    world.store.decide([Fate::Refused]);
    for &id in &world.store.ids {
        world.recorder.used(used(id, at(1)));
    }
    sleep(2 * SECOND).await;
    assert_eq!((world.store.last_used().await.len(), world.recorder.pending()), (1_500, 1_000));
    sleep(5 * SECOND).await;
    assert_eq!((world.store.last_used().await.len(), world.recorder.pending()), (2_500, 0));
}

#[tokio::test(start_paused = true)]
async fn a_use_while_another_is_being_recorded_is_kept() {
    let world = world(2).await;
    world.store.delay(SECOND);
    world.recorder.used(world.used(0, 1));
    sleep(SECOND + SECOND / 2).await;
    assert_eq!(world.store.calls(), [[world.used(0, 1)]]);
    world.recorder.used(world.used(0, 2));
    world.recorder.used(world.used(1, 3));
    sleep(SECOND).await;
    assert_eq!(world.store.last_used().await, HashMap::from([(world.key(0), at(1))]));
    sleep(6 * SECOND).await;
    let expected = HashMap::from([(world.key(0), at(2)), (world.key(1), at(3))]);
    assert_eq!(world.store.last_used().await, expected);
}

#[tokio::test(start_paused = true)]
async fn the_end_records_what_is_left_without_waiting_for_the_interval() {
    let world = world(2).await;
    world.recorder.used(world.used(0, 1));
    world.store.decide([Fate::Refused, Fate::HalfDone]);
    let start = Instant::now();
    assert_eq!(world.recorder.flush(SECOND).await, 0);
    assert!(start.elapsed() < SECOND / 2);
    assert_eq!(world.store.last_used().await, HashMap::from([(world.key(0), at(1))]));
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_a_recording_that_is_under_way_and_records_the_rest() {
    let world = world(2).await;
    world.store.delay(SECOND / 2);
    world.recorder.used(world.used(0, 1));
    sleep(SECOND + SECOND / 4).await;
    world.recorder.used(world.used(1, 2));
    assert_eq!(world.recorder.flush(2 * SECOND).await, 0);
    assert_eq!(world.store.calls(), [[world.used(0, 1)], [world.used(1, 2)]]);
}

#[tokio::test(start_paused = true)]
async fn the_end_gives_up_at_its_limit_and_says_how_many_are_left() {
    for hangs in [false, true] {
        let world = world(2).await;
        world.store.always(Fate::Refused);
        world.store.delay(if hangs { 3_600 * SECOND } else { Duration::ZERO });
        world.recorder.used(world.used(0, 1));
        world.recorder.used(world.used(1, 1));
        let start = Instant::now();
        assert_eq!(world.recorder.flush(2 * SECOND).await, 2);
        assert_eq!(start.elapsed().as_secs(), 2);
        assert_eq!(world.store.last_used().await, HashMap::new());
    }
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_is_cut_short_loses_nothing() {
    let World { store, recorder, recording } = world(1).await;
    store.delay(2 * SECOND);
    recorder.used(used(store.ids[0], at(1)));
    sleep(2 * SECOND).await;
    assert_eq!(store.calls().len(), 1);
    drop(recording);
    tokio::task::yield_now().await;
    assert_eq!(store.last_used().await, HashMap::new());
    assert_eq!(recorder.flush(10 * SECOND).await, 0);
    assert_eq!(store.last_used().await, HashMap::from([(store.ids[0], at(1))]));
}

#[tokio::test(start_paused = true)]
async fn beyond_the_bound_new_keys_are_dropped_and_known_ones_go_on() {
    let store = FakeStore::with_keys(5).await;
    let settings = UsageSettings { keys: NonZeroUsize::new(3).unwrap(), ..UsageSettings::default() };
    let recorder = UseRecorder::new(settings, Arc::clone(&store) as Arc<dyn KeyStore>);
    for micros in [1, 2] {
        for &id in &store.ids {
            recorder.used(used(id, at(micros)));
        }
    }
    assert_eq!((recorder.pending(), recorder.dropped()), (3, 4));
    store.decide([Fate::Refused]);
    assert_eq!(recorder.flush(SECOND).await, 0);
    let expected: HashMap<_, _> = store.ids[..3].iter().map(|&id| (id, at(2))).collect();
    assert_eq!(store.last_used().await, expected);
    // There is room again.
    recorder.used(used(store.ids[4], at(3)));
    assert_eq!((recorder.pending(), recorder.dropped()), (1, 4));
}

#[test]
fn threads_that_use_the_same_keys_at_once_lose_nothing() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let store = runtime.block_on(FakeStore::with_keys(50));
    let recorder = UseRecorder::new(UsageSettings::default(), Arc::clone(&store) as Arc<dyn KeyStore>);
    std::thread::scope(|scope| {
        let users: Vec<_> = (0..4)
            .map(|user| {
                let (recorder, ids) = (recorder.clone(), store.ids.clone());
                scope.spawn(move || {
                    for round in 0..2_000 {
                        let times = (0..).map(|key| at(round * 1_000 + key * 4 + user));
                        ids.iter().zip(times).for_each(|(&id, time)| recorder.used(used(id, time)));
                    }
                })
            })
            .collect();
        while users.iter().any(|user| !user.is_finished()) {
            runtime.block_on(recorder.flush(SECOND));
        }
    });
    assert_eq!(runtime.block_on(recorder.flush(SECOND)), 0);
    let expected: HashMap<_, _> =
        store.ids.iter().zip(0..).map(|(&id, key)| (id, at(1_999 * 1_000 + key * 4 + 3))).collect();
    assert_eq!(runtime.block_on(store.last_used()), expected);
}
