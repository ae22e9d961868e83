//! What time it is in the store.

use std::time::Duration;

use capykeys_domain::model::Timestamp;

use crate::BootTime;

/// A clock that differs by more than this from where it should be, the time that polls take aside,
/// was set.
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
    latest: Option<Sample>,
    jump: Option<StoreTimeJump>,
}

/// A time that the store told between two readings of the boot clock.
#[derive(Clone, Copy, Debug)]
struct Sample {
    time: Timestamp,
    sent: BootTime,
    answered: BootTime,
}

impl StoreTime {
    /// The store told `time` after `sent` and before `answered`.
    pub(crate) fn told(&mut self, time: Timestamp, sent: BootTime, answered: BootTime) {
        if let Some(before) = self.latest {
            let earliest = before.time.saturating_add(sent.since(before.answered));
            let latest = before.time.saturating_add(answered.since(before.sent));
            let (back, ahead) = (earliest.since(time), time.since(latest));
            self.jump = match (back > STEP, ahead > STEP) {
                (true, _) => Some(StoreTimeJump::Back(back)),
                (_, true) => Some(StoreTimeJump::Ahead(ahead)),
                _ => None,
            };
        }
        self.latest = Some(Sample { time, sent, answered });
    }

    /// The store's time at `now`; `None` before the first was told.
    ///
    /// It is from some moment between sending and answer and is taken for that of the sending: so what
    /// this gives is never behind the store's clock, and ahead of it by at most the time of the poll.
    pub(crate) fn at(&self, now: BootTime) -> Option<Timestamp> {
        self.latest.map(|sample| sample.time.saturating_add(now.since(sample.sent)))
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
