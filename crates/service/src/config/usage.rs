//! How the uses of keys are recorded.

use std::{num::NonZeroU64, time::Duration};

use capykeys_usage::UsageSettings;
use serde::{Deserialize, Serialize};

use super::forms::whole_millis;

/// When keys were last used.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Usage {
    /// How often the uses of keys are recorded, in milliseconds.
    pub(crate) flush_interval_ms: NonZeroU64,
}

impl Default for Usage {
    fn default() -> Self {
        let interval = whole_millis(UsageSettings::default().interval);
        Self { flush_interval_ms: NonZeroU64::new(interval).unwrap_or(NonZeroU64::MIN) }
    }
}

impl From<&Usage> for UsageSettings {
    fn from(usage: &Usage) -> Self {
        Self { interval: Duration::from_millis(usage.flush_interval_ms.get()), ..Self::default() }
    }
}
