//! What is remembered of keys, and for how long.

use std::num::NonZeroUsize;

use capykeys_cache::CacheSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Period;

/// What is remembered of keys, and for how long.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Cache {
    /// L: how long after its commit a revocation may be unknown to this server, `50ms` to `5s`. Servers may differ.
    pub(crate) lease: Period,
    /// Whether an answer to DELETE waits until every server has obeyed.
    pub(crate) commit_wait: bool,
    /// How many keys are remembered at most, about 1 kB each.
    pub(crate) keys: NonZeroUsize,
    /// How many made-up keys are remembered at most, about 100 bytes each.
    pub(crate) absent: usize,
}

impl Default for Cache {
    fn default() -> Self {
        let defaults = CacheSettings::default();
        Self { lease: defaults.lease.into(), commit_wait: true, keys: defaults.keys, absent: defaults.absent }
    }
}

impl Cache {
    pub(crate) fn settings(&self) -> CacheSettings {
        CacheSettings {
            lease: self.lease.duration(),
            keys: self.keys,
            absent: self.absent,
            ..CacheSettings::default()
        }
    }
}
