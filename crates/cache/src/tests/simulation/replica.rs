//! A replica: a machine with clocks of its own, a network of its own, and pauses.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use capykeys_domain::ports::{Epoch, FeedProgress, NewestEpoch, RegisteredReplica, ReplicaId};

use super::{Micros, ShellBug, messages::Reply, rng::Rng, store::Secret};
use crate::{
    BootTime, CacheSettings,
    machine::{Machine, SentPoll, SentRead},
    reaper::Reaper,
};

/// The wrong clock for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClockBug {
    /// The time of day, which is set.
    Wall,
    /// `CLOCK_MONOTONIC`, which stands still in suspend.
    Instant,
}

/// How the way to the store and back is right now.
#[derive(Clone, Copy, Debug)]
pub(super) enum Weather {
    Fair,
    Slow,
    /// Nothing arrives at the store.
    StalledThere,
    /// Nothing arrives from the store; some of it does later.
    StalledBack,
}

/// A client's question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) secret: Secret,
    pub(super) asked: Micros,
    /// For how long it would go on acting on the answer.
    pub(super) keep: Duration,
    pub(super) attempts: u32,
}

/// What a replica waits for.
#[derive(Debug)]
pub(super) enum Pending {
    Read {
        secret: Secret,
        sent: SentRead,
        waiting: Vec<Question>,
        /// Who waits for the read after it.
        next: Vec<Question>,
    },
    Poll(SentPoll),
    /// When it was sent, and whether a poll has told that the replica is not registered.
    Register(BootTime, bool),
    Confirm(FeedProgress),
    Reap,
    Retire(RegisteredReplica),
    Forget,
    /// The registry, for an acknowledgement.
    Propagation(u64),
}

/// What is left to do of one look at the others.
#[derive(Debug)]
pub(super) enum Removal {
    Retire(RegisteredReplica),
    Forget(RegisteredReplica),
}

/// The process, which another one follows after a crash.
pub(super) struct Process {
    pub(super) id: ReplicaId,
    pub(super) lease: Duration,
    pub(super) machine: Machine,
    pub(super) newest: NewestEpoch,
    pub(super) reaper: Reaper,
    pub(super) removals: VecDeque<Removal>,
    /// Whether a poll, or what follows it, is under way.
    pub(super) following: bool,
    /// When it last looked at the others, and how often it does.
    pub(super) looked: BootTime,
    pub(super) look: Duration,
    /// How often its registration is renewed.
    pub(super) renewal: Duration,
    /// What was sent, with the newest line at that time.
    pub(super) pending: BTreeMap<u64, (Pending, Option<Epoch>)>,
}

/// Leases that a replica may have.
const LEASES: [u64; 3] = [200, 500, 2_000];
/// How long its registration may be good, and the longest that there is.
const REGISTRATIONS: [Duration; 2] = [Duration::from_millis(800), LONGEST];
pub(super) const LONGEST: Duration = Duration::from_secs(1);

impl Process {
    pub(super) fn new(number: u64, now: BootTime, rng: &mut Rng) -> Self {
        let lease = Duration::from_millis(LEASES[rng.index(LEASES.len())]);
        let registration = REGISTRATIONS[rng.index(REGISTRATIONS.len())];
        let settings = CacheSettings { lease, registration, ..CacheSettings::default() };
        let millis = |from, to, rng: &mut Rng| Duration::from_millis(rng.between(from, to));
        Self {
            id: ReplicaId(u128::from(number).to_be_bytes()),
            lease,
            machine: Machine::new(&settings),
            newest: NewestEpoch::default(),
            // However short, it costs no more than that the replica has to register again.
            reaper: Reaper::new(millis(20, 300, rng), LONGEST),
            removals: VecDeque::new(),
            following: false,
            looked: now,
            look: millis(50, 1_500, rng),
            renewal: settings.renewal_interval(),
            pending: BTreeMap::new(),
        }
    }

    /// Whether the reply is one, to what went with `asked`.
    pub(super) fn admits(&mut self, asked: Option<Epoch>, reply: &Reply, bug: Option<ShellBug>) -> bool {
        if reply.recovering && bug != Some(ShellBug::StandbyTaken) {
            return false;
        }
        self.newest.admits(asked, reply.line)
    }
}

pub(super) struct Replica {
    pub(super) process: Option<Process>,
    /// Counts the processes.
    pub(super) incarnation: u64,
    clock_bug: Option<ClockBug>,
    started: Micros,
    drift_ppm: u64,
    asleep: Micros,
    pub(super) wall: Micros,
    pub(super) frozen_until: Micros,
    /// Until then all ways lead to the primary that was replaced.
    pub(super) left_behind_until: Micros,
    pub(super) weather: Weather,
}

/// The drift of the slowest clock is 0, that of the fastest this: together less than 0.1 %.
const DRIFT_PPM: u64 = 900;
/// What the wall clock shows at first is in the middle of where it may be set.
pub(super) const WALL: Micros = 10_000_000;

impl Replica {
    pub(super) fn new(clock_bug: Option<ClockBug>, rng: &mut Rng) -> Self {
        Self {
            process: None,
            incarnation: 0,
            clock_bug,
            started: rng.between(1_000_000, 9_000_000),
            drift_ppm: rng.between(0, DRIFT_PPM),
            asleep: 0,
            wall: WALL,
            frozen_until: 0,
            left_behind_until: 0,
            weather: Weather::Fair,
        }
    }

    /// The true boot clock, in microseconds.
    pub(super) const fn boot(&self, now: Micros) -> Micros {
        self.started + now + now * self.drift_ppm / 1_000_000
    }

    /// How much real time passes until the boot clock has gone on by `wait`, or a little less: the
    /// shortest wait is the hardest.
    pub(super) const fn real(&self, wait: Micros) -> Micros {
        wait * 1_000_000 / (1_000_000 + self.drift_ppm) + 1
    }

    /// What the cache is shown.
    pub(super) fn clock(&self, now: Micros) -> BootTime {
        let boot = self.boot(now);
        BootTime::new(Duration::from_micros(match self.clock_bug {
            None => boot,
            Some(ClockBug::Instant) => boot - self.asleep,
            Some(ClockBug::Wall) => boot + self.wall,
        }))
    }

    /// Stands still for `time`, and with it, where the whole machine sleeps, a clock like `Instant`.
    pub(super) fn freeze(&mut self, now: Micros, time: Micros, sleep: bool) {
        if now < self.frozen_until {
            return;
        }
        self.frozen_until = now + time;
        if sleep {
            self.asleep += time;
        }
    }

    /// How long a message to the store takes; `None` where it never arrives.
    pub(super) fn there(&self, rng: &mut Rng) -> Option<Micros> {
        match self.weather {
            Weather::Fair | Weather::StalledBack => Some(rng.between(100, 5_000)),
            Weather::Slow => Some(rng.between(1_000, 150_000)),
            Weather::StalledThere => rng.percent(20).then(|| rng.between(50_000, 900_000)),
        }
    }

    /// How long an answer takes.
    pub(super) fn back(&self, rng: &mut Rng) -> Option<Micros> {
        match self.weather {
            Weather::Fair | Weather::StalledThere => Some(rng.between(100, 5_000)),
            Weather::Slow => Some(rng.between(1_000, 250_000)),
            Weather::StalledBack => match rng.index(4) {
                // Just within the deadline of a poll, or after it.
                0 => Some(rng.between(100_000, 195_000)),
                1 => Some(rng.between(50_000, 1_200_000)),
                _ => None,
            },
        }
    }
}
