//! What is remembered of keys, and for how long.

use std::{num::NonZeroUsize, time::Duration};

use capykeys_cache::CacheSettings;
use serde::{Deserialize, Serialize};

use super::forms::whole_millis;

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
            lease_ms: whole_millis(defaults.lease),
            commit_wait: true,
            keys: defaults.keys,
            absent: defaults.absent,
        }
    }
}

impl Cache {
    pub(crate) fn settings(&self) -> CacheSettings {
        CacheSettings {
            lease: Duration::from_millis(self.lease_ms),
            keys: self.keys,
            absent: self.absent,
            ..CacheSettings::default()
        }
    }
}
