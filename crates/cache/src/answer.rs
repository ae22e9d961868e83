//! What the cache says.

use std::{sync::Arc, time::Duration};

use capykeys_domain::ports::FoundKey;

use crate::{BootTime, settings::DRIFT};

/// What is known about a key, and until when it may be acted on.
///
/// Whoever keeps it for a while and asks [`Answer::remaining`] before each use keeps the promise
/// too.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The key, whatever its state; `None` where the store has none.
    pub found: Option<Arc<FoundKey>>,
    /// From this reading of the boot clock on, it may be outdated by more than the lease.
    pub until: BootTime,
    /// Whoever asked may go on acting on it until then: a change of the key is acknowledged only
    /// after that. Never later than `until`, nor than was asked for.
    pub kept_until: BootTime,
}

impl Answer {
    /// How long whoever asked may go on acting on it; zero where that time is over.
    #[must_use]
    pub fn keepable(&self, now: BootTime) -> Duration {
        // Without what two clocks may drift apart in that time.
        let left = self.kept_until.since(now);
        left.saturating_sub(left / DRIFT)
    }

    /// How long it may still be acted on; `None` where it may not.
    #[must_use]
    pub fn remaining(&self, now: BootTime) -> Option<Duration> {
        (now < self.until).then(|| self.until.since(now))
    }
}
