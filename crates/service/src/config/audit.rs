//! What the audit log holds, and for how long.

use std::{
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// The audit log.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Audit {
    /// For how long the refusals of one caller are counted into one event, in milliseconds.
    pub(crate) refusal_interval_ms: NonZeroU64,
    /// How long events are kept, in days; for ever unless it is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keep_days: Option<NonZeroU32>,
}

impl Default for Audit {
    fn default() -> Self {
        Self { refusal_interval_ms: NonZeroU64::MIN.saturating_add(59_999), keep_days: None }
    }
}

impl Audit {
    pub(crate) const fn refusal_interval(&self) -> Duration {
        Duration::from_millis(self.refusal_interval_ms.get())
    }

    /// How long events are kept, where not for ever.
    pub(crate) fn retention(&self) -> Option<Duration> {
        const DAY: Duration = Duration::from_hours(24);
        self.keep_days.map(|days| DAY.saturating_mul(days.get()))
    }
}
