//! The clock that leases are measured with.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A reading of a [`BootClock`]: the time since some fixed point, the machine's sleep included.
/// Readings of different machines have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(Duration);

impl BootTime {
    /// The fixed point: nothing is before it.
    pub(crate) const START: Self = Self(Duration::ZERO);

    /// The reading `since` after the fixed point.
    #[must_use]
    pub const fn new(since: Duration) -> Self {
        Self(since)
    }

    /// How long ago `earlier` was; zero where it was not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The time between the fixed point and the reading, in nanoseconds: for atomics. A reading that
    /// does not fit (after 584 years) is the latest that does.
    pub(crate) fn nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The reading with these nanoseconds.
    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(Duration::from_nanos(nanos))
    }

    /// This reading moved later by `duration`.
    #[must_use]
    pub const fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// A clock that never goes back, is never set, and goes on while the machine or the process sleeps.
///
/// Rust's `Instant` is none: on Linux it stands still while the machine is suspended, and so would
/// a lease that is measured with it.
pub trait BootClock: Send + Sync {
    /// The current reading.
    fn now(&self) -> BootTime;
}

/// The system's: `CLOCK_BOOTTIME` on Linux. Elsewhere `CLOCK_MONOTONIC`, which goes on in sleep on
/// Apple's systems.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemBootClock;

#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

impl BootClock for SystemBootClock {
    fn now(&self) -> BootTime {
        let time = clock_gettime(CLOCK);
        // Neither is ever negative, nor are there more than 999,999,999 nanoseconds.
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
        BootTime(Duration::new(seconds, nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_clock_never_goes_back() {
        let mut before = SystemBootClock.now();
        for _ in 0..1_000 {
            let now = SystemBootClock.now();
            assert!(now >= before);
            before = now;
        }
        assert!(before > BootTime::new(Duration::ZERO));
    }
}
