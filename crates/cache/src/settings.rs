//! What can be set.

use std::{num::NonZeroUsize, time::Duration};

/// Two clocks run apart by no more than one part in this many.
pub(crate) const DRIFT: u32 = 1_000;

/// The longest lease that a replica may take. Where nobody can say who has which lease, this long
/// has to pass since a commit before it may be acknowledged.
pub const LONGEST_LEASE: Duration = Duration::from_secs(5);

/// The longest time for which a registration may be good. A replica that is left with a replaced primary acts on
/// what is told there for this long after another one took its place, and no longer.
pub const LONGEST_REGISTRATION: Duration = Duration::from_secs(10);

/// How long after something a replica that may act on the state before it for `time` does so at most: that
/// time, and what its clock may run behind meanwhile.
#[must_use]
pub(crate) fn run_out(time: Duration) -> Duration {
    time.saturating_add(time / DRIFT)
}

/// How long the cache may be behind, and how much it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// L: no verdict is given on the state before a change later than this after its commit. 500 ms by default, and
    /// [`LONGEST_LEASE`] at most. Replicas may have different ones.
    pub lease: Duration,
    /// S: no verdict is given later than this after the sending of the last registration, or renewal of it, that the
    /// store has committed. 10 s by default, and [`LONGEST_REGISTRATION`] at most where the store is shared: a
    /// primary that has been replaced, and does not know it, answers and commits nothing.
    pub registration: Duration,
    /// How many keys are kept; beyond that, one that was not asked for lately makes room. 100,000
    /// by default, at about 1 kB each where every field is filled (`tests/memory.rs` measures it).
    pub keys: NonZeroUsize,
    /// How many digests without a key the negative cache holds, in a space of its own, so that a flood
    /// of made-up keys takes no room from real ones. 65,536 by default, at about 100 bytes each; 0 turns
    /// it off.
    pub absent: usize,
    /// How long the negative cache holds a digest at most. Nobody can have asked for a key before it was
    /// minted, but for one that is imported they can. 10 s by default.
    pub absent_for: Duration,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_millis(500),
            registration: LONGEST_REGISTRATION,
            keys: NonZeroUsize::MIN.saturating_add(99_999),
            absent: 65_536,
            absent_for: Duration::from_secs(10),
        }
    }
}

impl CacheSettings {
    /// How often the feed is polled: five times in a lease, so that it outlives lost answers.
    #[must_use]
    pub fn poll_interval(&self) -> Duration {
        (self.lease / 5).max(Duration::from_millis(1))
    }

    /// How often the registration is renewed: four times while it is good, so that it outlives lost answers, and
    /// most of the time that the store takes for another synchronous standby.
    #[must_use]
    pub fn renewal_interval(&self) -> Duration {
        self.registration / 4
    }

    /// How long a poll may take: short enough that a second one can save the lease.
    #[must_use]
    pub fn poll_deadline(&self) -> Duration {
        self.poll_interval() * 2
    }
}
