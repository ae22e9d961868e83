//! How long before a key ends that is said.

use alloc::{vec, vec::Vec};
use core::{cmp::Reverse, time::Duration};

use super::Timestamp;

const DAY: Duration = Duration::from_hours(24);

/// How long before a key ends that is said, the longest first. Without any, nothing is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiryNotices(Vec<Duration>);

/// 30 days, 7 days and one day.
impl Default for ExpiryNotices {
    fn default() -> Self {
        Self(vec![DAY * 30, DAY * 7, DAY])
    }
}

impl ExpiryNotices {
    /// These, in any order.
    #[must_use]
    pub fn new(steps: impl IntoIterator<Item = Duration>) -> Self {
        let mut steps: Vec<_> = steps.into_iter().collect();
        steps.sort_unstable_by_key(|step| Reverse(*step));
        steps.dedup();
        Self(steps)
    }

    /// The longest first.
    pub fn iter(&self) -> impl Iterator<Item = Duration> {
        self.0.iter().copied()
    }

    /// The longest; none where nothing is said.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        self.0.first().copied()
    }

    /// The last time by `now` at which it is to be said that a key `ends`: each of these before the end, and the end
    /// itself. Nothing where all that was to be said by now has been said `until` then, or was over before.
    #[must_use]
    pub fn due(&self, ends: Timestamp, until: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let times = self.iter().chain([Duration::ZERO]).map(|step| ends.saturating_sub(step));
        times.filter(|time| (until < *time) && *time <= now).max()
    }

    /// Whether a key that is good for so long yet ends soon.
    #[must_use]
    pub fn is_soon(&self, left: Duration) -> bool {
        self.longest().is_some_and(|longest| left <= longest)
    }
}
