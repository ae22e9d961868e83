//! What is remembered of keys, and for how long.

use std::{num::NonZeroUsize, time::Duration};

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
    /// How long after the database's last commit of this server's registration a verdict is given, `1s` to `10s`: a
    /// primary that was replaced commits nothing. What it must outlast is the change of a synchronous standby.
    pub(crate) registration: Period,
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
        Self {
            lease: defaults.lease.into(),
            registration: defaults.registration.into(),
            commit_wait: true,
            keys: defaults.keys,
            absent: defaults.absent,
        }
    }
}

/// Nobody takes the place of a store that is this server's own.
const REGISTERED_ALONE: Duration = Duration::from_hours(24);

impl Cache {
    /// For a store that other servers may be on as well, or not.
    pub(crate) fn settings(&self, shared: bool) -> CacheSettings {
        CacheSettings {
            lease: self.lease.duration(),
            registration: if shared { self.registration.duration() } else { REGISTERED_ALONE },
            keys: self.keys,
            absent: self.absent,
            ..CacheSettings::default()
        }
    }
}
