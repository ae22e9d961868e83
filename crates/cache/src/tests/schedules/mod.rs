//! The shell under random schedules: the cache, its flights and the step of its poller as they are,
//! on tasks of which shuttle decides at every lock and every wait which one goes on. A seed decides
//! everything: `CAPYKEYS_TEST_SEED=17 cargo test -p capykeys-cache --lib one_schedule`.

mod bursts;
mod crowd;
mod store;
mod world;

use std::sync::{Arc, Mutex};

use bursts::Bursts;
use shuttle::{Config, FailurePersistence, Runner, rand::RngCore};
use world::World;

use super::set;

/// So many schedules are tried. `CAPYKEYS_TEST_SEEDS` sets another number.
const SEEDS: u64 = 5_000;

/// How the promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Violation {
    /// By a verdict that began after the change may have been acknowledged.
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

fn run(seed: u64) -> Result<Tally, Violation> {
    schedule(seed, World::run)
}

#[test]
fn no_schedule_breaks_the_promise() {
    let mut sums = Tally::default().counts();
    let seeds = set("CAPYKEYS_TEST_SEEDS").unwrap_or(SEEDS);
    for seed in 0..seeds {
        match run(seed) {
            Ok(tally) => sums.iter_mut().zip(tally.counts()).for_each(|(sum, count)| *sum += count),
            Err(violation) => panic!("CAPYKEYS_TEST_SEED={seed}: {violation:?}"),
        }
    }
    assert!(sums.iter().all(|&sum| sum >= seeds / 10), "{sums:?}");
}

#[test]
fn one_schedule() {
    if let Some(seed) = set("CAPYKEYS_TEST_SEED") {
        assert_eq!(run(seed).err(), None);
    }
}

#[test]
fn a_seed_decides_everything() {
    for seed in 0..20 {
        assert_eq!(format!("{:?}", run(seed)), format!("{:?}", run(seed)));
    }
}
