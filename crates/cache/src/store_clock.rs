//! The store's time as the service's clock.

use std::sync::Arc;

use capykeys_domain::{model::Timestamp, ports::Clock};

use crate::VerificationCache;

/// Tells the store's time ([`VerificationCache::store_now`]), so that all replicas agree on when a
/// key expires whatever their own clocks say; before the first poll, another clock's.
///
/// Each poll tells the time anew and a little differently: to be used behind a
/// [`MonotonicClock`](crate::MonotonicClock).
pub struct StoreClock {
    cache: VerificationCache,
    before: Arc<dyn Clock>,
}

impl StoreClock {
    /// The time of the cache's store, and `before` until it is known.
    #[must_use]
    pub const fn new(cache: VerificationCache, before: Arc<dyn Clock>) -> Self {
        Self { cache, before }
    }
}

impl Clock for StoreClock {
    fn now(&self) -> Timestamp {
        self.cache.store_now().unwrap_or_else(|| self.before.now())
    }
}
