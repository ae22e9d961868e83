//! A clock that stands still until it is set.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use capykeys_domain::{model::Timestamp, ports::Clock};

use super::NOW;

pub(crate) struct FakeClock(AtomicI64);

impl FakeClock {
    /// Stands at [`NOW`].
    pub(crate) const fn new() -> Self {
        Self(AtomicI64::new(NOW * 1_000_000))
    }

    /// Sets the clock to so many microseconds after (or before) [`NOW`].
    pub(crate) fn set(&self, micros_after_now: i64) {
        self.0.store(NOW * 1_000_000 + micros_after_now, Ordering::SeqCst);
    }

    /// Moves on, but for the last microsecond.
    pub(crate) fn advance_to_just_before(&self, duration: Duration) {
        self.advance(duration.saturating_sub(Duration::from_micros(1)));
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.0.load(Ordering::SeqCst)).unwrap()
    }
}
