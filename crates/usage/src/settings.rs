//! What can be set.

use std::{num::NonZeroUsize, time::Duration};

/// How often uses are recorded, and of how many keys they are kept until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageSettings {
    /// How long after one recording the next begins. 5 s by default.
    pub interval: Duration,
    /// How many keys' uses are kept that are not recorded yet. Those of further keys are dropped and
    /// counted, while the keys that are kept go on getting later times. 100,000 by default, in 6 MB
    /// at most; only as many different keys in one interval, or in an outage of the store, fill it.
    pub keys: NonZeroUsize,
}

impl Default for UsageSettings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(5), keys: NonZeroUsize::MIN.saturating_add(99_999) }
    }
}
