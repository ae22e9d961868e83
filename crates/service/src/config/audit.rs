//! What the audit log holds, and for how long.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Period;

/// The audit log.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Audit {
    /// For how long the refusals of one caller are counted into one event: `100ms` to `1h`.
    pub(crate) refusal_interval: Period,
    /// How long events are kept, a day at least; for ever unless it is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"365d")]
    pub(crate) keep: Option<Period>,
}

impl Default for Audit {
    fn default() -> Self {
        Self { refusal_interval: Period::millis(60_000), keep: None }
    }
}

impl Audit {
    pub(crate) const fn refusal_interval(&self) -> Duration {
        self.refusal_interval.duration()
    }

    /// How long events are kept, where not for ever.
    pub(crate) fn retention(&self) -> Option<Duration> {
        self.keep.map(Period::duration)
    }
}
