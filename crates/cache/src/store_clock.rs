//! The store's time as the service's clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use capykeys_domain::{model::Timestamp, ports::Clock};

use crate::VerificationCache;

/// Tells the store's time ([`VerificationCache::store_now`]), so that all replicas agree on when a
/// key expires whatever their own clocks say; before the first poll, another clock's.
///
/// Each poll tells the time anew and a little differently. So that what is created later is never
/// dated earlier, it stands still where it would go back by less than [`STEP`].
pub struct StoreClock {
    cache: VerificationCache,
    before: Arc<dyn Clock>,
    latest: AtomicI64,
}

/// A clock that goes back by more than this was set.
const STEP: Duration = Duration::from_secs(1);

impl StoreClock {
    /// The time of the cache's store, and `before` until it is known.
    #[must_use]
    pub const fn new(cache: VerificationCache, before: Arc<dyn Clock>) -> Self {
        Self { cache, before, latest: AtomicI64::new(i64::MIN) }
    }
}

impl Clock for StoreClock {
    fn now(&self) -> Timestamp {
        let now = self.cache.store_now().unwrap_or_else(|| self.before.now());
        let latest = self.latest.load(Ordering::Relaxed);
        match Timestamp::from_unix_micros(latest) {
            Some(latest) if latest >= now && latest.since(now) < STEP => latest,
            _ => {
                self.latest.store(now.unix_micros(), Ordering::Relaxed);
                now
            }
        }
    }
}
