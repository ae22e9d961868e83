//! The shell under random schedules: the cache, its flights and the step of its poller as they are,
//! on tasks of which shuttle decides at every lock and every wait which one goes on. A seed decides
//! everything: `CAPYKEYS_TEST_SEED=17 cargo test -p capykeys-cache one_schedule`.
//!
//! That a mistake would be seen is shown by planting mistakes, as in the simulation of the rules.

mod bursts;
mod crowd;
mod store;
mod world;

use std::sync::{Arc, Mutex};

use bursts::Bursts;
use shuttle::{Config, FailurePersistence, Runner, rand::RngCore};
use world::World;

use crate::{planted::Bug, simulation::set};

/// So many schedules are tried. `CAPYKEYS_TEST_SEEDS` sets another number.
const SEEDS: u64 = 5_000;

/// How the promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Violation {
    /// By a verdict that began after the cache was told of the change and had come back.
    AcceptedAfterTold,
    /// L or more after the commit.
    AcceptedTooLate,
    /// When all is over: flights, or reads that the cache still waits for.
    LeftBehind,
}

/// What has happened: a schedule on which nothing happens breaks nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    accepted: u64,
    accepted_within_lease: u64,
    refused: u64,
    failed: u64,
    given_up: u64,
    polls: u64,
    reads: u64,
}

impl Tally {
    const fn counts(&self) -> [u64; 7] {
        [
            self.accepted,
            self.accepted_within_lease,
            self.refused,
            self.failed,
            self.given_up,
            self.polls,
            self.reads,
        ]
    }
}

fn below(limit: u64) -> u64 {
    shuttle::rand::thread_rng().next_u64() % limit
}

/// True one time in `many`.
pub(crate) fn one_in(many: u64) -> bool {
    below(many) == 0
}

/// Runs what `start` makes on the schedule of this seed.
fn schedule<F: Future<Output: Send + 'static>>(
    seed: u64,
    start: impl Fn() -> F + Send + Sync + 'static,
) -> F::Output {
    let outcome = Arc::new(Mutex::new(None));
    let result = Arc::clone(&outcome);
    let mut config = Config::new();
    config.stack_size = 0x4_0000;
    config.failure_persistence = FailurePersistence::None;
    Runner::new(Bursts::new(seed), config).run(move || {
        *result.lock().unwrap() = Some(shuttle::future::block_on(start()));
    });
    let outcome = outcome.lock().unwrap().take();
    outcome.expect("it has run to its end")
}

fn run(seed: u64, bug: Option<Bug>) -> Result<Tally, Violation> {
    schedule(seed, move || World::run(bug))
}

#[test]
fn no_schedule_breaks_the_promise() {
    let mut sums = Tally::default().counts();
    let seeds = set("CAPYKEYS_TEST_SEEDS").unwrap_or(SEEDS);
    for seed in 0..seeds {
        match run(seed, None) {
            Ok(tally) => sums.iter_mut().zip(tally.counts()).for_each(|(sum, count)| *sum += count),
            Err(violation) => panic!("CAPYKEYS_TEST_SEED={seed}: {violation:?}"),
        }
    }
    assert!(sums.iter().all(|&sum| sum >= seeds / 10), "{sums:?}");
}

#[test]
fn one_schedule() {
    if let Some(seed) = set("CAPYKEYS_TEST_SEED") {
        assert_eq!(run(seed, None).err(), None);
    }
}

#[test]
fn a_seed_decides_everything() {
    for seed in 0..20 {
        assert_eq!(format!("{:?}", run(seed, None)), format!("{:?}", run(seed, None)));
    }
}

/// That some schedule breaks it, within as many as are tried without a mistake, and in this way.
fn assert_caught(bug: Bug, expected: Violation) {
    let caught = (0..SEEDS).find_map(|seed| run(seed, Some(bug)).err());
    assert_eq!(caught, Some(expected), "{bug:?}");
}

macro_rules! caught {
    ($($name:ident: $bug:ident, $violation:ident;)*) => {
        $(#[test]
        fn $name() {
            assert_caught(Bug::$bug, Violation::$violation);
        })*
    };
}

caught! {
    a_read_that_is_fenced_from_its_answer_on_is_caught: FencedFromAnswer, AcceptedAfterTold;
    a_read_that_is_joined_once_it_is_over_is_caught: JoinedWhenOver, AcceptedAfterTold;
    a_verdict_without_a_last_look_at_the_clock_is_caught: NoLastLook, AcceptedTooLate;
    reads_that_are_given_up_and_not_ended_are_caught: NeverAbandoned, LeftBehind;
    fills_without_a_fence_are_caught: NoFence, AcceptedAfterTold;
    a_lease_extended_before_applying_is_caught: LeaseBeforeApplying, AcceptedAfterTold;
    a_lease_from_the_time_of_receipt_is_caught: LeaseFromReceipt, AcceptedTooLate;
}
