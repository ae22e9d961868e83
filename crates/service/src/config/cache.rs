//! What is remembered of keys, and for how long.

use std::num::NonZeroUsize;

use capykeys_cache::CacheSettings;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The verification cache. The lease must be the same on every replica.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Cache {
    /// L: how long after its commit a revocation may be unknown to a replica, in milliseconds.
    pub(crate) lease_ms: u64,
    /// Whether an answer to DELETE waits until every replica has obeyed.
    pub(crate) commit_wait: bool,
    /// How many keys are remembered at most.
    pub(crate) keys: NonZeroUsize,
    /// How many made-up keys are remembered at most.
    pub(crate) absent: usize,
}

impl Default for Cache {
    fn default() -> Self {
        let defaults = CacheSettings::default();
        Self {
            lease_ms: u64::try_from(defaults.lease.as_millis()).unwrap_or(u64::MAX),
            commit_wait: true,
            keys: defaults.keys,
            absent: defaults.absent,
        }
    }
}

/// Below, polls would come faster than databases answer; above, DELETE would take too long.
const LEASE_MS: std::ops::RangeInclusive<u64> = 50..=5_000;

impl Cache {
    pub(crate) fn settings(&self) -> Result<CacheSettings, ConfigError> {
        if !LEASE_MS.contains(&self.lease_ms) {
            return Err(ConfigError::Invalid("`cache.lease_ms` must be from 50 to 5000".to_owned()));
        }
        Ok(CacheSettings {
            lease: std::time::Duration::from_millis(self.lease_ms),
            keys: self.keys,
            absent: self.absent,
            ..CacheSettings::default()
        })
    }
}
