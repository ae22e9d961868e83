//! A replica: a machine with clocks of its own, a network of its own, and pauses.

use std::{collections::BTreeMap, time::Duration};

use super::{Micros, rng::Rng, store::Secret};
use crate::{
    BootTime, CacheSettings,
    machine::{Machine, SentPoll, SentRead},
    planted::{Bug, Planted},
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

pub(super) struct Read {
    pub(super) secret: Secret,
    pub(super) sent: SentRead,
    /// How often each of those who wait has asked already.
    pub(super) waiting: Vec<u32>,
}

pub(super) struct Replica {
    pub(super) machine: Machine,
    clock_bug: Option<ClockBug>,
    started: Micros,
    drift_ppm: u64,
    asleep: Micros,
    pub(super) wall: Micros,
    pub(super) frozen_until: Micros,
    pub(super) weather: Weather,
    pub(super) poll: Option<(u64, SentPoll)>,
    pub(super) reads: BTreeMap<u64, Read>,
}

/// The drift of the slowest clock is 0, that of the fastest this: together less than 0.1 %.
const DRIFT_PPM: u64 = 900;
/// What the wall clock shows at first is in the middle of where it may be set.
pub(super) const WALL: Micros = 10_000_000;

impl Replica {
    pub(super) fn new(
        settings: &CacheSettings,
        bug: Option<Bug>,
        clock_bug: Option<ClockBug>,
        rng: &mut Rng,
    ) -> Self {
        Self {
            machine: Machine::new(settings, Planted::new(bug)),
            clock_bug,
            started: rng.between(1_000_000, 9_000_000),
            drift_ppm: rng.between(0, DRIFT_PPM),
            asleep: 0,
            wall: WALL,
            frozen_until: 0,
            weather: Weather::Fair,
            poll: None,
            reads: BTreeMap::new(),
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
