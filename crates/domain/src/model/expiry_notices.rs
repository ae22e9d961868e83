//! How long before a key ends that is said.

use alloc::{vec, vec::Vec};
use core::{cmp::Reverse, time::Duration};

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

    /// Whether a key that is good for so long yet ends soon.
    #[must_use]
    pub fn is_soon(&self, left: Duration) -> bool {
        self.0.first().is_some_and(|longest| left <= *longest)
    }
}
