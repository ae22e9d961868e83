//! The promise, simulated: three replicas and a store on one scheduler, with lookups, revocations,
//! rotations, suspensions, transactions left open, delays, one-way stalls, failovers that lose
//! events, a standby that is behind, a primary that stood still and comes back, clocks that drift and
//! are set, pauses, sleep, crashes, replicas that come and go with other leases, and callers that keep
//! verdicts. A seed decides everything, so that a run can be repeated:
//! `CAPYKEYS_TEST_SEED=17 cargo test -p capykeys-cache --lib one_seed`.
//!
//! Taken for granted, as `docs/security.md` does: a failover loses no registration, and a primary that was replaced
//! gets no commit past its standbys. But it is reached, by some for as long as it is there, and answers them.
//!
//! That the simulation would see a mistake in what it plays itself is shown by making it here.

mod messages;
mod registry;
mod replica;
mod rng;
mod store;
mod world;

use replica::ClockBug;
use store::StoreBug;
use world::World;

use super::set;

/// Real time since the start of the run, in microseconds.
type Micros = u64;

/// So many seeds are run. `CAPYKEYS_TEST_SEEDS` sets another number.
const SEEDS: u64 = 10_000;

/// How the promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Violation {
    /// (1) Later than L after the commit, on the replica's own clock.
    AcceptedTooLate { at: Micros, late: Micros },
    /// (2) To a question that was asked after DELETE had answered.
    AcceptedAfterDelete { at: Micros, asked: Micros },
    /// (2) By a caller who has kept the verdict.
    KeptAfterDelete { at: Micros, asked: Micros },
}

/// A mistake in what is around the rules: in the poller, in the single flight, in who waits for
/// acknowledgements, and in the store's adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShellBug {
    /// What a poll tells is confirmed before it is applied.
    ConfirmedBeforeApplying,
    /// A replica is forgotten as soon as it is retired.
    ForgottenAtOnce,
    /// The registry that is waited for is from before the commit.
    RegistryReadBeforeCommit,
    /// A registry that cannot be read is an empty one.
    NobodyWhereUnread,
    /// A standby's answer counts.
    StandbyTaken,
    /// A registration counts from when its commit was told.
    RegisteredFromTheAnswer,
    /// A replaced primary tells of a commit that its standbys do not have.
    CancelledWaitTaken,
}

/// A mistake, somewhere.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    Clock(ClockBug),
    Store(StoreBug),
    Shell(ShellBug),
}

impl Fault {
    const fn parts(self) -> (Option<ClockBug>, Option<StoreBug>, Option<ShellBug>) {
        match self {
            Self::None => (None, None, None),
            Self::Clock(bug) => (Some(bug), None, None),
            Self::Store(bug) => (None, Some(bug), None),
            Self::Shell(bug) => (None, None, Some(bug)),
        }
    }
}

macro_rules! tally {
    ($($name:ident)*) => {
        /// What has happened in a run: a simulation in which nothing happens keeps every promise.
        #[derive(Clone, Copy, Debug, Default)]
        struct Tally {
            $($name: u64,)*
        }

        impl Tally {
            fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }

            const fn counts(&self) -> [(&'static str, u64); [$(stringify!($name)),*].len()] {
                [$((stringify!($name), self.$name)),*]
            }
        }
    };
}

tally! {
    commits
    deletes
    deletes_after_lease
    promotions
    restarts
    incomplete
    hits
    reads
    reads_after_another
    fenced
    accepted
    accepted_within_lease
    refused
    kept
    kept_within_lease
    registrations
    renewals
    left_behind
    confirmations
    retired
    forgotten
    crashes
    registry_not_read
    of_others
    not_admitted
    deletes_after_longest_registration
}

fn run(seed: u64, fault: Fault) -> Result<Tally, Violation> {
    World::new(seed, fault).run()
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
    for (what, count) in sum.counts() {
        assert!(count >= seeds / 100, "{what} has happened too seldom: {sum:?}");
    }
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
    let seeds = set("CAPYKEYS_TEST_SEEDS").unwrap_or(SEEDS);
    let caught = (0..seeds).find(|&seed| run(seed, fault).is_err());
    assert!(caught.is_some(), "{fault:?} is not seen in {seeds} runs");
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
    a_lease_by_the_wall_clock_is_caught: Fault::Clock(ClockBug::Wall);
    a_lease_by_a_clock_that_sleeps_is_caught: Fault::Clock(ClockBug::Instant);
    a_confirmation_before_applying_is_caught: Fault::Shell(ShellBug::ConfirmedBeforeApplying);
    a_replica_that_is_forgotten_while_its_lease_runs_is_caught: Fault::Shell(ShellBug::ForgottenAtOnce);
    a_registry_from_before_the_commit_is_caught: Fault::Shell(ShellBug::RegistryReadBeforeCommit);
    a_registry_that_cannot_be_read_and_is_taken_for_empty_is_caught: Fault::Shell(ShellBug::NobodyWhereUnread);
    a_standbys_answer_that_is_taken_is_caught: Fault::Shell(ShellBug::StandbyTaken);
    a_registration_that_counts_from_its_answer_is_caught: Fault::Shell(ShellBug::RegisteredFromTheAnswer);
    a_cancelled_wait_that_is_taken_for_a_commit_is_caught: Fault::Shell(ShellBug::CancelledWaitTaken);
    a_server_that_has_not_seen_the_newest_line_and_answers_is_caught: Fault::Store(StoreBug::LineNotLookedFor);
    numbers_that_are_compared_across_lines_of_history_are_caught: Fault::Store(StoreBug::NumbersOfAnyLine);
    a_cursor_by_sequence_is_caught: Fault::Store(StoreBug::CursorBySequence);
    a_store_that_compares_no_marks_is_caught: Fault::Store(StoreBug::NoMarks);
    a_standby_that_goes_on_with_the_old_history_is_caught: Fault::Store(StoreBug::MarksOfEventsAlone);
}
