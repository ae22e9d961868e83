//! The promise, explored to the end: every order of everything that can happen to a few replicas and a
//! few changes, for however long it goes on, with the rules as they are and a small store. After a failover a
//! replica may hear of the new primary, or for ever from the replaced one alone. Leases are one
//! or two ticks of the clock long, registrations three, and times count as what is left of them, so that there is an end to
//! the states. The simulation goes further; this leaves nothing out within its bounds.
//!
//! `cargo test --release -p capykeys-cache --lib exhaustive -- --include-ignored --nocapture` explores the
//! large ones as well, and tells how many states there were.

mod actions;
mod judge;
mod reads;
mod server;
mod world;

use std::{
    collections::HashSet,
    fmt::Write as _,
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
};

use world::{Action, World};

/// What is explored.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
struct Bounds {
    replicas: usize,
    /// Each is the revocation of a key of its own.
    changes: usize,
    restarts: u32,
    /// Each loses the last change, or none.
    failovers: u32,
    /// Whether callers keep verdicts.
    keeping: bool,
    /// Whether reads take their time; else one is over when it begins.
    slow_reads: bool,
    /// Whether what a replica writes takes its time; else it is committed, and that is told, when it begins.
    slow_writes: bool,
    /// Whether somebody removes replicas that are gone.
    removals: bool,
    /// For how many ticks a registration is good.
    registration: u32,
    /// After how many ticks one that was retired is forgotten.
    forgetting: u32,
}

const NONE: Bounds = Bounds {
    replicas: 1,
    changes: 1,
    restarts: 0,
    failovers: 0,
    keeping: false,
    slow_reads: false,
    slow_writes: true,
    removals: false,
    registration: 3,
    forgetting: 3,
};

/// For what would else have ten times as many states.
const PROMPT: Bounds = Bounds { slow_writes: false, ..NONE };
const PROMPT_FAILOVER: Bounds = Bounds { failovers: 1, ..PROMPT };
const KEEPING: Bounds = Bounds { keeping: true, ..NONE };
const SLOW_READS: Bounds = Bounds { slow_reads: true, ..NONE };
const REMOVALS: Bounds = Bounds { removals: true, ..NONE };
/// As servers of an earlier release do: a replica is forgotten once its lease has run out, and its registration has
/// not. Elsewhere the registration alone would do.
const EARLIER_REMOVALS: Bounds = Bounds { registration: 4, forgetting: world::LEASES[0], ..REMOVALS };
const FAILOVER: Bounds = Bounds { failovers: 1, ..NONE };
const SLOW_READS_AND_FAILOVER: Bounds = Bounds { slow_reads: true, ..PROMPT_FAILOVER };

/// A mistake around the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShellBug {
    ForgottenAtOnce,
    RegistryReadBeforeCommit,
    NobodyWhereUnread,
    /// An answer counts of whatever line it is, whatever has been heard of since it was asked for.
    AnyLineTaken,
    RetiredStillRegistered,
    NumbersOfAnyLine,
    /// A registration counts from when its commit was told.
    RegisteredFromTheAnswer,
    /// A replaced primary tells of a commit that its standbys do not have.
    CancelledWaitTaken,
}

/// How the promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Violation {
    AcceptedTooLate,
    AcceptedAfterDelete,
    KeptAfterDelete,
}

#[derive(Clone, Copy, Debug, Default)]
struct Explored {
    states: usize,
    transitions: usize,
    longest: usize,
}

/// The way to a state, backwards.
struct Way(Action, Option<Rc<Way>>);

fn told(mut way: Option<&Rc<Way>>) -> String {
    let mut actions = Vec::new();
    while let Some(last) = way {
        actions.push(last.0);
        way = last.1.as_ref();
    }
    actions.iter().rev().fold(String::new(), |mut text, action| {
        let _ = writeln!(text, "  {action:?}");
        text
    })
}

/// Goes through all states that can be reached, each once.
fn explore(bounds: Bounds, shell: Option<ShellBug>) -> Result<Explored, (Violation, String)> {
    let (mut seen, mut explored) = (HashSet::new(), Explored::default());
    let mut left = vec![(World::new(bounds, shell), None, 0)];
    while let Some((world, way, length)) = left.pop() {
        explored.longest = explored.longest.max(length);
        for action in world.actions() {
            let mut next = world.clone();
            next.act(action);
            explored.transitions += 1;
            let way = Some(Rc::new(Way(action, way.clone())));
            if let Some(violation) = next.violation {
                return Err((violation, told(way.as_ref())));
            }
            let mut hasher = DefaultHasher::new();
            next.fingerprint().hash(&mut hasher);
            if seen.insert(hasher.finish()) {
                left.push((next, way, length + 1));
            }
        }
    }
    explored.states = seen.len();
    Ok(explored)
}

#[expect(clippy::print_stderr, reason = "how much was explored stands in the documentation")]
fn assert_kept(bounds: Bounds) {
    match explore(bounds, None) {
        Ok(explored) => eprintln!("{bounds:?}: {explored:?}"),
        Err((violation, way)) => panic!("{bounds:?}: {violation:?}\n{way}"),
    }
}

macro_rules! kept {
    ($($(#[$ignore:meta])? $name:ident: $bounds:expr;)*) => {
        $(#[test]
        $(#[$ignore])?
        fn $name() {
            assert_kept($bounds);
        })*
    };
}

kept! {
    no_order_of_events_breaks_the_promise: NONE;
    no_order_of_events_breaks_it_where_verdicts_are_kept: KEEPING;
    #[ignore = "minutes, in a release build: make ci-full"]
    no_order_of_events_breaks_it_where_reads_are_slow: SLOW_READS;
    #[ignore = "minutes, in a release build: make ci-full"]
    no_order_of_events_breaks_it_where_replicas_are_removed: REMOVALS;
    #[ignore = "minutes, in a release build: make ci-full"]
    no_order_of_events_breaks_it_where_an_earlier_release_removes_replicas: EARLIER_REMOVALS;
    #[ignore = "minutes, in a release build: make ci-full"]
    no_order_of_events_breaks_it_in_a_failover: FAILOVER;
    #[ignore = "minutes, in a release build: make ci-full"]
    no_order_of_events_breaks_it_in_a_failover_with_removals: Bounds { removals: true, ..PROMPT_FAILOVER };
    #[ignore = "minutes, in a release build: make ci-full"]
    no_order_of_events_breaks_it_in_a_failover_with_slow_reads: SLOW_READS_AND_FAILOVER;
    #[ignore = "minutes, in a release build: make ci-full"]
    no_order_of_events_breaks_it_in_a_restart_with_kept_verdicts: Bounds { restarts: 1, ..KEEPING };
    #[ignore = "minutes, in a release build: make ci-full"]
    no_order_of_events_breaks_it_in_a_failover_with_kept_verdicts: Bounds { failovers: 1, ..KEEPING };
    #[ignore = "minutes, in a release build: make ci-full"]
    no_order_of_events_breaks_it_in_removals_with_kept_verdicts: Bounds { removals: true, ..KEEPING };
    #[ignore = "minutes, in a release build: make ci-full"]
    no_order_of_events_breaks_it_with_two_changes_and_kept_verdicts: Bounds { changes: 2, keeping: true, ..PROMPT };
    #[ignore = "minutes, in a release build: make ci-full"]
    no_order_of_events_breaks_it_with_two_replicas: Bounds { replicas: 2, ..PROMPT };
}

macro_rules! found {
    ($($(#[$ignore:meta])? $name:ident: $shell:expr, $bounds:expr;)*) => {
        $(#[test]
        $(#[$ignore])?
        fn $name() {
            assert!(explore($bounds, Some($shell)).is_err());
        })*
    };
}

found! {
    a_replica_that_is_forgotten_while_its_lease_runs_is_found: ShellBug::ForgottenAtOnce, REMOVALS;
    #[ignore = "half a minute: make ci-full"]
    a_retired_replica_that_is_told_that_it_is_registered_is_found: ShellBug::RetiredStillRegistered, EARLIER_REMOVALS;
    a_registry_from_before_the_commit_is_found: ShellBug::RegistryReadBeforeCommit, NONE;
    a_registry_that_is_taken_for_empty_is_found: ShellBug::NobodyWhereUnread, NONE;
    #[ignore = "half a minute: make ci-full"]
    an_answer_of_a_line_that_nobody_vouches_for_is_found: ShellBug::AnyLineTaken, FAILOVER;
    numbers_that_are_compared_across_lines_are_found: ShellBug::NumbersOfAnyLine, FAILOVER;
    #[ignore = "half a minute: make ci-full"]
    a_registration_that_counts_from_its_answer_is_found: ShellBug::RegisteredFromTheAnswer, FAILOVER;
    a_cancelled_wait_that_is_taken_for_a_commit_is_found: ShellBug::CancelledWaitTaken, FAILOVER;
}
