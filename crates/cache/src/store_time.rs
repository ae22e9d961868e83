//! What time it is in the store.

use std::time::Duration;

use capykeys_domain::model::Timestamp;

use crate::BootTime;

/// A clock that is further off than this, and than the time that polls take explains, was set.
const STEP: Duration = Duration::from_secs(1);

/// The store's clock was set, or is another server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreTimeJump {
    /// It is behind where it would be.
    Back(Duration),
    /// It is ahead of it.
    Ahead(Duration),
}

/// The store's time as it was told last.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreTime {
    told: Option<Told>,
    jump: Option<StoreTimeJump>,
}

/// A time that was told between two readings of the boot clock.
#[derive(Clone, Copy, Debug)]
struct Told {
    time: Timestamp,
    sent: BootTime,
    answered: BootTime,
}

impl StoreTime {
    /// The store told `time` after `sent` and before `answered`.
    pub(crate) fn told(&mut self, time: Timestamp, sent: BootTime, answered: BootTime) {
        if let Some(before) = self.told {
            let earliest = before.time.saturating_add(sent.since(before.answered));
            let latest = before.time.saturating_add(answered.since(before.sent));
            let (back, ahead) = (earliest.since(time), time.since(latest));
            self.jump = match (back > STEP, ahead > STEP) {
                (true, _) => Some(StoreTimeJump::Back(back)),
                (_, true) => Some(StoreTimeJump::Ahead(ahead)),
                _ => None,
            };
        }
        self.told = Some(Told { time, sent, answered });
    }

    /// The store's time at `now`; `None` before the first was told.
    ///
    /// It is told at some moment between sending and answer, and taken for that of the sending: so it
    /// is never late, and early by at most the time that the poll took.
    pub(crate) fn at(&self, now: BootTime) -> Option<Timestamp> {
        self.told.map(|told| told.time.saturating_add(now.since(told.sent)))
    }

    /// By how much the clock jumped when it was told last.
    pub(crate) const fn take_jump(&mut self) -> Option<StoreTimeJump> {
        self.jump.take()
    }
}

#[cfg(test)]
mod tests {
    use capykeys_conformance::fixtures;

    use super::*;

    fn boot(millis: u64) -> BootTime {
        BootTime::new(Duration::from_millis(millis))
    }

    fn told(second: (i64, u64, u64)) -> StoreTime {
        let (millis, sent, answered) = second;
        let mut time = StoreTime::default();
        time.told(fixtures::at(0), boot(0), boot(10));
        time.told(fixtures::at(millis * 1_000), boot(sent), boot(answered));
        time
    }

    #[test]
    fn what_polls_take_and_a_second_are_no_jump() {
        for second in [(100, 100, 110), (1_099, 100, 110), (-900, 100, 110)] {
            assert_eq!(told(second).take_jump(), None, "{second:?}");
        }
    }

    #[test]
    fn a_clock_that_is_set_is_seen_once() {
        let mut back = told((-3_600_000, 100, 110));
        assert!(matches!(back.take_jump(), Some(StoreTimeJump::Back(by)) if by > Duration::from_hours(1)));
        assert_eq!(back.take_jump(), None);
        let ahead = told((3_600_000, 100, 110)).take_jump();
        assert!(matches!(ahead, Some(StoreTimeJump::Ahead(by)) if by > Duration::from_secs(3_590)));
    }

    #[test]
    fn time_goes_on_between_two_polls() {
        let time = told((100, 100, 110));
        assert_eq!(time.at(boot(300)), Some(fixtures::at(300_000)));
    }
}
