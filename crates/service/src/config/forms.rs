//! How values are written in settings.

use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Deserializer};

/// A default, as a setting in milliseconds has it.
pub(super) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A default, as a setting in seconds has it.
pub(super) fn whole_seconds(duration: Duration) -> NonZeroU32 {
    u32::try_from(duration.as_secs()).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX)
}

/// A list, or a text with commas, as an environment variable has it.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        List(Vec<String>),
        Text(String),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::List(list) => list,
        Either::Text(text) => {
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        }
    })
}
