//! A time of day that never goes back.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use capykeys_domain::{model::Timestamp, ports::Clock};

/// Another clock, which stands still where that goes back, until it has caught up: a key that has
/// expired stays expired for as long as the process lives, and what is created later is never dated
/// earlier.
pub struct MonotonicClock {
    clock: Arc<dyn Clock>,
    latest: AtomicI64,
}

impl MonotonicClock {
    /// Keeps `clock` from going back.
    #[must_use]
    pub const fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, latest: AtomicI64::new(i64::MIN) }
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        // One operation, so that of two readings at once none replaces a later one.
        let latest = self.latest.fetch_max(now.unix_micros(), Ordering::Relaxed);
        Timestamp::from_unix_micros(latest).map_or(now, |latest| latest.max(now))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use capykeys_conformance::fixtures;

    use super::*;

    struct Settable(Mutex<Timestamp>);

    impl Clock for Settable {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    #[test]
    fn a_clock_that_is_set_back_stands_still_until_it_has_caught_up() {
        let settable = Arc::new(Settable(Mutex::new(fixtures::at(0))));
        let clock = MonotonicClock::new(Arc::clone(&settable) as _);
        for (micros, shown) in [(0, 0), (9, 9), (5, 9), (-3_600_000_000, 9), (9, 9), (10, 10)] {
            *settable.0.lock().unwrap() = fixtures::at(micros);
            assert_eq!(clock.now(), fixtures::at(shown), "{micros}");
        }
    }
}
