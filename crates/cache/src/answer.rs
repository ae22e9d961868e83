//! What the cache says.

use std::{sync::Arc, time::Duration};

use capykeys_domain::ports::FoundKey;

use crate::BootTime;

/// What is known about a key, and until when it may be acted on.
///
/// Whoever keeps it for a while and asks [`Answer::remaining`] before each use keeps the promise
/// too.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The key, whatever its state; `None` where the store has none.
    pub found: Option<Arc<FoundKey>>,
    /// From this reading of the boot clock on it may be outdated by more than the lease.
    pub until: BootTime,
}

impl Answer {
    /// How long it may still be acted on; `None` where it may not.
    #[must_use]
    pub fn remaining(&self, now: BootTime) -> Option<Duration> {
        (now < self.until).then(|| self.until.since(now))
    }
}
