//! What there is, and what can happen to it.

use std::{rc::Rc, time::Duration};

use capykeys_domain::ports::{FoundKey, NewestEpoch, Poll};

use super::{
    Bounds, ShellBug, Violation,
    server::{Keys, Server},
};
use crate::{
    BootTime, CacheSettings,
    acknowledgement::Acknowledgement,
    machine::{Machine, SentPoll, SentRead},
    reaper::Reaper,
};

pub(super) const TICK: Duration = Duration::from_millis(1);
pub(super) const LEASES: [u32; 2] = [2, 1];
pub(super) const LONGEST: u32 = 2;
/// Longer than the shorter lease, so that it is the lease that ends it.
pub(super) const KEEP: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Tick,
    Commit(usize),
    /// Whoever has made the changes reads the registry for all that are not acknowledged.
    ReadRegistry,
    Acknowledge(usize),
    /// Somebody looks for replicas that are gone.
    Reap,
    Failover {
        loses: bool,
    },
    Restart(usize),
    BeginPoll {
        replica: usize,
        /// By a connection to the server that was replaced.
        elsewhere: bool,
    },
    /// It sends a renewal of its registration.
    Renew {
        replica: usize,
        elsewhere: bool,
    },
    /// The store answers it.
    AnswerPoll(usize),
    EndPoll(usize),
    /// What the replica wants to be written is.
    Write(usize),
    /// It is told that its registration was committed.
    EndWrite(usize),
    Confirm(usize),
    Ask {
        replica: usize,
        key: usize,
        keeps: bool,
        /// Where it is not remembered.
        elsewhere: bool,
    },
    AnswerRead(usize),
    EndRead(usize),
}

#[derive(Clone)]
pub(super) struct PendingPoll {
    pub(super) sent: SentPoll,
    pub(super) asked: NewestEpoch,
    pub(super) line: i64,
    pub(super) told: Option<Poll>,
}

#[derive(Clone)]
pub(super) struct PendingRead {
    pub(super) key: usize,
    pub(super) sent: SentRead,
    pub(super) asked: NewestEpoch,
    pub(super) line: i64,
    /// Whether the change was acknowledged when one of those who wait asked: what they must not be told, nobody must.
    pub(super) acknowledged: bool,
    /// The same of who waits for the read after it, if anybody does.
    pub(super) next: Option<bool>,
    pub(super) found: Option<FoundKey>,
}

#[derive(Clone, Copy)]
pub(super) enum Write {
    Register {
        sent: BootTime,
        asked: NewestEpoch,
        line: i64,
        /// Whether a poll has told that it is not registered.
        anew: bool,
        committed: bool,
    },
    Confirm(i64, i64),
}

#[derive(Clone)]
pub(super) struct Replica {
    pub(super) id: u8,
    pub(super) lease: u32,
    pub(super) machine: Machine,
    pub(super) newest: NewestEpoch,
    pub(super) poll: Option<PendingPoll>,
    pub(super) read: Option<PendingRead>,
    pub(super) write: Option<Write>,
}

/// A change, as who has made it sees it.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) committed: u32,
    pub(super) acknowledgement: Acknowledgement,
    pub(super) acknowledged: bool,
}

#[derive(Clone)]
pub(super) struct World {
    pub(super) bounds: Bounds,
    pub(super) shell: Option<ShellBug>,
    pub(super) keys: Rc<Keys>,
    pub(super) now: u32,
    pub(super) server: Server,
    pub(super) replaced: Option<Server>,
    pub(super) replicas: Vec<Replica>,
    pub(super) reaper: Reaper,
    pub(super) made: Vec<Option<Made>>,
    /// Until when somebody acts on a verdict about a key.
    pub(super) kept: Vec<BootTime>,
    pub(super) restarts: u32,
    pub(super) failovers: u32,
    /// When the line of the server began.
    pub(super) began: u32,
    pub(super) violation: Option<Violation>,
}

impl Replica {
    pub(super) fn new(id: u8, lease: u32, registration: u32) -> Self {
        let (lease_time, registration) = (TICK * lease, TICK * registration);
        let settings = CacheSettings { lease: lease_time, registration, ..CacheSettings::default() };
        Self {
            id,
            lease,
            machine: Machine::new(&settings),
            newest: NewestEpoch::default(),
            poll: None,
            read: None,
            write: None,
        }
    }
}

impl World {
    pub(super) fn new(bounds: Bounds, shell: Option<ShellBug>) -> Self {
        let replica =
            |number: usize| Replica::new(u8::try_from(number).unwrap(), LEASES[number], bounds.registration);
        Self {
            bounds,
            shell,
            keys: Rc::new(Keys::new(bounds.changes)),
            // The first line began long ago.
            now: 2 * bounds.registration,
            server: Server { line: 1, revoked: Vec::new(), replicas: std::collections::BTreeMap::new() },
            replaced: None,
            replicas: (0..bounds.replicas).map(replica).collect(),
            reaper: Reaper::new(TICK, TICK * bounds.forgetting),
            made: vec![None; bounds.changes],
            kept: vec![BootTime::START; bounds.changes],
            restarts: 0,
            failovers: 0,
            began: 0,
            violation: None,
        }
    }

    /// The clock of the replicas, which is as slow as one may be.
    pub(super) fn clock(&self) -> BootTime {
        BootTime::new(TICK * self.now)
    }

    /// The clock of who waits, which is as fast as one may be.
    pub(super) fn fast_clock(&self) -> BootTime {
        fast(self.now)
    }

    /// When the line of the server began, as whoever waits has heard of it: at once.
    pub(super) fn since(&self) -> BootTime {
        fast(self.began)
    }

    /// Whether a question that is sent now to the server that was replaced would be answered.
    pub(super) fn hears_of_replaced(&self, replica: &Replica) -> bool {
        self.replaced.as_ref().is_some_and(|old| self.server(&replica.newest, old.line).is_some())
    }

    /// Whether a change can still be acknowledged: else nothing that is confirmed makes a difference any more.
    pub(super) fn may_acknowledge(&self) -> bool {
        self.failovers < self.bounds.failovers
            || !self.made.iter().flatten().all(|made| made.acknowledged)
            || self.made.iter().any(Option::is_none)
    }

    /// The server on this line, where it answers: one that was replaced does not have the next line in its past.
    pub(super) fn server(&self, asked: &NewestEpoch, number: i64) -> Option<&Server> {
        if number == self.server.line {
            return Some(&self.server);
        }
        let vouches = asked.epoch().is_none_or(|asked| asked.number <= number);
        self.replaced.as_ref().filter(|server| server.line == number && vouches)
    }
}

fn fast(ticks: u32) -> BootTime {
    let time = TICK * ticks;
    BootTime::new(time + time / crate::settings::DRIFT)
}
