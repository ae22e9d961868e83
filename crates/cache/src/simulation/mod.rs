//! The promise, simulated: two replicas and a store on one scheduler, with lookups, revocations,
//! rotations, suspensions, transactions left open, delays, one-way stalls, failovers that lose
//! events, clocks that drift and are set, pauses and sleep. A seed decides everything, so that a run
//! can be repeated: `CAPYKEYS_TEST_SEED=17 cargo test -p capykeys-cache one_seed`.
//!
//! That the simulation would see a mistake is shown by planting mistakes.

mod replica;
mod rng;
mod store;
mod world;

use replica::ClockBug;
use store::StoreBug;
use world::World;

use crate::planted::Bug;

/// Real time since the start of the run, in microseconds.
type Micros = u64;

/// So many seeds are run. `CAPYKEYS_TEST_SEEDS` sets another number.
const SEEDS: u64 = 10_000;

/// How the promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Violation {
    /// (1) Later than L after the commit, on the replica's own clock.
    AcceptedTooLate { at: Micros, since: Micros, late: Micros },
    /// (2) After DELETE had answered.
    AcceptedAfterDelete { at: Micros },
}

/// A mistake, somewhere.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    Rules(Bug),
    Clock(ClockBug),
    Store(StoreBug),
}

impl Fault {
    const fn parts(self) -> (Option<Bug>, Option<ClockBug>, Option<StoreBug>) {
        match self {
            Self::None => (None, None, None),
            Self::Rules(bug) => (Some(bug), None, None),
            Self::Clock(bug) => (None, Some(bug), None),
            Self::Store(bug) => (None, None, Some(bug)),
        }
    }
}

/// What has happened in a run: a simulation in which nothing happens keeps every promise.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    commits: u64,
    deletes: u64,
    promotions: u64,
    restarts: u64,
    incomplete: u64,
    hits: u64,
    reads: u64,
    fenced: u64,
    accepted: u64,
    accepted_within_lease: u64,
    refused: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.commits += other.commits;
        self.deletes += other.deletes;
        self.promotions += other.promotions;
        self.restarts += other.restarts;
        self.incomplete += other.incomplete;
        self.hits += other.hits;
        self.reads += other.reads;
        self.fenced += other.fenced;
        self.accepted += other.accepted;
        self.accepted_within_lease += other.accepted_within_lease;
        self.refused += other.refused;
    }
}

fn run(seed: u64, fault: Fault) -> Result<Tally, Violation> {
    World::new(seed, fault).run()
}

#[expect(clippy::disallowed_methods, reason = "how much is tested is no configuration of the service")]
pub(crate) fn set(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn no_replica_accepts_a_revoked_key_later_than_promised() {
    let mut sum = Tally::default();
    let seeds = set("CAPYKEYS_TEST_SEEDS").unwrap_or(SEEDS);
    for seed in 0..seeds {
        match run(seed, Fault::None) {
            Ok(tally) => sum.add(&tally),
            Err(violation) => panic!("CAPYKEYS_TEST_SEED={seed}: {violation:?}"),
        }
    }
    let happened = [
        sum.commits,
        sum.deletes,
        sum.promotions,
        sum.restarts,
        sum.incomplete,
        sum.hits,
        sum.reads,
        sum.fenced,
        sum.accepted,
        sum.accepted_within_lease,
        sum.refused,
    ];
    assert!(happened.iter().all(|&number| number >= seeds / 10), "{sum:?}");
    assert!(sum.hits > sum.reads / 2, "{sum:?}");
}

#[test]
fn one_seed() {
    if let Some(seed) = set("CAPYKEYS_TEST_SEED") {
        assert_eq!(run(seed, Fault::None).err(), None);
    }
}

#[test]
fn a_seed_decides_everything() {
    for seed in 0..20 {
        let (first, second) = (run(seed, Fault::None), run(seed, Fault::None));
        assert_eq!(format!("{first:?}"), format!("{second:?}"));
    }
}

/// That a run breaks the promise, within as many as are run without a mistake.
fn assert_caught(fault: Fault) {
    let caught = (0..SEEDS).find(|&seed| run(seed, fault).is_err());
    assert!(caught.is_some(), "{fault:?} is not seen in {SEEDS} runs");
}

macro_rules! caught {
    ($($name:ident: $fault:expr;)*) => {
        $(#[test]
        fn $name() {
            assert_caught($fault);
        })*
    };
}

caught! {
    a_lease_from_the_time_of_receipt_is_caught: Fault::Rules(Bug::LeaseFromReceipt);
    a_lease_extended_before_applying_is_caught: Fault::Rules(Bug::LeaseBeforeApplying);
    a_lease_from_an_incomplete_poll_is_caught: Fault::Rules(Bug::LeaseFromIncompletePoll);
    fills_without_a_fence_are_caught: Fault::Rules(Bug::NoFence);
    a_fill_from_before_a_restart_is_caught: Fault::Rules(Bug::FillAfterRestart);
    reads_of_any_age_are_caught: Fault::Rules(Bug::NoAgeOfReads);
    a_divergence_that_is_ignored_is_caught: Fault::Rules(Bug::DivergenceIgnored);
    an_entry_found_by_id_alone_is_caught: Fault::Rules(Bug::FoundById);
    a_cache_without_a_lease_is_caught: Fault::Rules(Bug::NoLease);
    a_lease_by_the_wall_clock_is_caught: Fault::Clock(ClockBug::Wall);
    a_lease_by_a_clock_that_sleeps_is_caught: Fault::Clock(ClockBug::Instant);
    a_cursor_by_sequence_is_caught: Fault::Store(StoreBug::CursorBySequence);
    a_store_that_compares_no_marks_is_caught: Fault::Store(StoreBug::NoMarks);
    a_standby_that_goes_on_with_the_old_history_is_caught: Fault::Store(StoreBug::MarksOfEventsAlone);
}
