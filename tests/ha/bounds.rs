//! How long each fault may keep verdicts and writes away: what follows from Patroni's settings.
//!
//! - A primary that says nothing is one for `ttl` more. Each Patroni looks every `loop_wait`, and asks the others
//!   before it takes the place, which it waits 2 s for. What it cannot reach it tries for `retry_timeout`.
//! - HAProxy asks every second and waits as long, so that it has seen a new primary after 2 s, and that one is gone
//!   after 4 s.
//! - A standby that has lost its primary looks again every 5 s (`wal_retrieve_retry_interval`), or when its Patroni
//!   tells it of the new one, within `loop_wait`. Until one follows, nothing is committed, and a server takes no verdict
//!   from a new primary before it has written down there that a new line of history has begun.
//! - A server that is left with an old primary is waited for until it has given no verdict for `cache.registration`.
//! - `BUSY` is what programs take that start, recover or become a primary, on a machine that does other work too.

use std::time::Duration;

use capykeys_testkit::{
    balancer::CHECKED,
    patroni::{LOOP_WAIT, RETRY_TIMEOUT, TTL},
};

use crate::fault::Fault;

/// How long Patroni waits for the others' answers.
const ASKED: Duration = Duration::from_secs(2);
/// `wal_retrieve_retry_interval`.
const FOLLOWED: Duration = Duration::from_secs(5);
/// `cache.registration`.
const REGISTRATION: Duration = Duration::from_secs(10);
const BUSY: Duration = Duration::from_secs(5);

/// From when something is broken, and from when it is mended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Until there are verdicts, also without a lease; none where there are none until it is mended.
    pub(crate) verdicts: Option<Duration>,
    /// Until there are writes.
    pub(crate) writes: Option<Duration>,
    /// Until nothing fails any more after it is mended.
    pub(crate) mended: Duration,
}

impl Fault {
    pub(crate) fn bounds(self) -> Bounds {
        let found = 2 * CHECKED;
        // Another node takes the place once it is free, and is found there.
        let taken = 2 * LOOP_WAIT + ASKED + BUSY + found + FOLLOWED;
        // Patroni starts it again as a standby, and makes it the primary in its next round.
        let restarted = 3 * LOOP_WAIT + BUSY + found + FOLLOWED;
        let verdicts = match self {
            Self::KillPostgres => Some(restarted),
            // etcd may have to agree on a new leader of its own first, since the node's etcd is cut off with it,
            // which gives the primary its `ttl` once more.
            Self::Partition | Self::Split | Self::SplitUnfenced => Some(TTL + RETRY_TIMEOUT + taken),
            Self::KillNode | Self::PauseNode | Self::PausePostgres | Self::PausePatroni => Some(TTL + taken),
            Self::SwitchOver => Some(LOOP_WAIT + taken),
            // Patroni tries the next one, and PostgreSQL knows nothing of it.
            Self::OneEtcd => Some(RETRY_TIMEOUT),
            // There is no primary without etcd; and one that cannot write may go on to read, or end.
            Self::AllEtcd | Self::FillDisk => None,
        };
        let writes = match self {
            Self::Split | Self::SplitUnfenced => verdicts.map(|verdicts| verdicts + REGISTRATION),
            _ => verdicts,
        };
        let mended = match self {
            // Whoever was the primary takes its place again, or another does once `ttl` is over.
            Self::AllEtcd => TTL + RETRY_TIMEOUT + taken,
            // It may have ended, and have given its place up when it could not be started again.
            Self::FillDisk => restarted + taken,
            // The old primary may be found for a moment beside the new one, and until Patroni has seen that.
            Self::SplitUnfenced | Self::PauseNode | Self::PausePostgres | Self::PausePatroni => {
                LOOP_WAIT + RETRY_TIMEOUT + BUSY + found
            }
            _ => LOOP_WAIT + BUSY + found,
        };
        Bounds { verdicts, writes, mended }
    }
}
