//! How the uses of keys are recorded.

use capykeys_usage::UsageSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Period;

/// When keys were last used.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Usage {
    /// How often `last_used_at` of the keys that were used is written: `10ms` to `1h`.
    pub(crate) flush_interval: Period,
}

impl Default for Usage {
    fn default() -> Self {
        Self { flush_interval: UsageSettings::default().interval.into() }
    }
}

impl From<&Usage> for UsageSettings {
    fn from(usage: &Usage) -> Self {
        Self { interval: usage.flush_interval.duration(), ..Self::default() }
    }
}
