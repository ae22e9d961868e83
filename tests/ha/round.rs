//! One fault, once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    client::Account,
    fault::{Fault, Struck},
    judge::Seen,
    ledger::Known,
    outage::{Tolerance, back_after, marks_of, marks_of_writes},
    work::{Done, Work},
    world::{COUNT, World, await_that},
};

/// Within which what may take long has happened; longer than any bound, so that it is measured by how much one is
/// missed.
const LIMIT: Duration = Duration::from_mins(3);
/// So many keys each client revokes before anything is broken, and while it is.
const REVOKED: usize = 5;

/// Of the servers that a fault leaves on the right side, and after it is mended of all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) verdicts: Option<Duration>,
    pub(crate) writes: Option<Duration>,
    pub(crate) mended: Option<Duration>,
}

/// What came of it.
pub(crate) struct Record {
    pub(crate) fault: Fault,
    pub(crate) seen: Seen,
    pub(crate) times: Times,
    pub(crate) revocations: usize,
    pub(crate) creations: usize,
    /// Who was the primary before and after.
    pub(crate) primaries: [Option<usize>; 2],
}

/// Keys that outlive a round, with whose they are.
pub(crate) struct Left {
    pub(crate) accounts: Vec<Account>,
    pub(crate) keys: Vec<Known>,
}

/// Breaks something, mends it, and judges what was seen meanwhile.
///
/// # Errors
/// Where the world did not come back at all.
pub(crate) fn run(world: &mut World<'_>, fault: Fault, number: usize) -> Result<(Record, Left), String> {
    await_that("the cluster is whole", LIMIT, || world.cluster.is_whole(true))?;
    let accounts = world.accounts();
    let work = Work::start(&world.fronts(), &accounts);
    let undergone = undergo(world, &work, fault, number);
    let done = work.end();
    // What was said until then counts all the same.
    let (struck, mended) = undergone.map_err(|reason| format!("{reason}; {:?}", Seen::until_then(&done)))?;
    let primaries = [Some(struck.node), world.cluster.primary()];
    let times = times(&done, &fault.near(struck), struck.at, mended);
    let seen = Seen::of(&done, &accounts, &world.servers[number % COUNT]);
    let revocations = done.keys.iter().filter(|key| key.answered.is_some()).count();
    let record = Record { fault, seen, times, revocations, creations: done.keys.len(), primaries };
    Ok((record, Left { accounts, keys: done.keys }))
}

/// Breaks and mends it while all is under way; whom it has hit, and when it was mended.
fn undergo(
    world: &mut World<'_>,
    work: &Work,
    fault: Fault,
    number: usize,
) -> Result<(Struck, Instant), String> {
    let all: Vec<_> = (0..COUNT).collect();
    let start = Instant::now();
    await_that("all is well", LIMIT, || work.revoked(&all) >= REVOKED && work.is_well(&all, start))?;
    let node = world.cluster.primary().ok_or("there is no primary")?;
    let struck = Struck { node, other: number % COUNT, at: Instant::now() };
    fault.strike(world, struck);
    let lasting = last(world, work, fault, struck);
    let mended = Instant::now();
    fault.mend(world, struck);
    lasting?;
    await_that("the cluster is whole once it is mended", LIMIT, || world.cluster.is_whole(true))?;
    await_that("all is well once it is mended", LIMIT, || work.is_well(&all, mended))?;
    Ok((struck, mended))
}

/// Waits until it has done what it does, and all is back that can be, and went on for a while.
fn last(world: &World<'_>, work: &Work, fault: Fault, struck: Struck) -> Result<(), String> {
    await_that("what was broken has had its effect", LIMIT, || fault.has_struck(world, struck))?;
    let near = fault.near(struck);
    await_that("all is back", LIMIT, || work.is_well(&near, struck.at))?;
    let before = work.revoked(&near);
    await_that("keys are revoked meanwhile", LIMIT, || {
        near.is_empty() || work.revoked(&near) >= before + REVOKED
    })
}

fn times(done: &Done, near: &[usize], struck: Instant, mended: Instant) -> Times {
    let worst = |servers: &[usize], of: &dyn Fn(usize) -> Option<Duration>| {
        servers.iter().map(|&server| of(server)).collect::<Option<Vec<_>>>()?.into_iter().max()
    };
    let verdicts = |server: usize, from, until| {
        back_after(
            &marks_of(done.samples[server].iter()).collect::<Vec<_>>(),
            from,
            until,
            Tolerance::Verdicts,
        )
    };
    let writes = |server: usize, from, until| {
        let attempts = done.attempts.iter().filter(|attempt| attempt.server == server);
        back_after(&marks_of_writes(attempts).collect::<Vec<_>>(), from, until, Tolerance::Writes)
    };
    let end = Instant::now();
    let all: Vec<_> = (0..done.samples.len()).collect();
    Times {
        verdicts: worst(near, &|server| verdicts(server, struck, mended)),
        writes: worst(near, &|server| writes(server, struck, mended)),
        mended: worst(&all, &|server| Some(verdicts(server, mended, end)?.max(writes(server, mended, end)?))),
    }
}

impl Record {
    /// Whether what came back came back in time.
    pub(crate) fn is_in_time(&self) -> bool {
        let bounds = self.fault.bounds();
        let within = |time: Option<Duration>, bound: Option<Duration>| {
            bound.is_none_or(|bound| time.is_some_and(|time| time <= bound))
        };
        within(self.times.verdicts, bounds.verdicts)
            && within(self.times.writes, bounds.writes)
            && within(self.times.mended, Some(bounds.mended))
    }

    pub(crate) fn json(&self, round: usize) -> Value {
        let Self { fault, seen, times, .. } = self;
        let milliseconds =
            |time: Option<Duration>| time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let bounds = fault.bounds();
        json!({
            "fault": fault.name(),
            "round": round,
            "primary_before": self.primaries[0],
            "primary_after": self.primaries[1],
            "bound_verdicts_ms": milliseconds(bounds.verdicts),
            "verdicts_back_ms": milliseconds(times.verdicts),
            "bound_writes_ms": milliseconds(bounds.writes),
            "writes_back_ms": milliseconds(times.writes),
            "bound_mended_ms": milliseconds(Some(bounds.mended)),
            "mended_ms": milliseconds(times.mended),
            "in_time": self.is_in_time(),
            "creations": self.creations,
            "revocations": self.revocations,
            "lost": seen.lost,
            "accepted_after_delete": seen.accepted_after_delete,
            "kept_after_delete": seen.kept_after_delete,
            "refused_though_good": seen.refused,
            "nonsense": seen.nonsense,
            "asked": seen.asked,
            "asked_after_delete": seen.asked_after_delete,
            "unavailable": seen.unavailable,
            "no_answer": seen.silent,
            "told": seen.told,
        })
    }
}
