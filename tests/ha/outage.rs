//! How long something was away.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use capykeys_tests::driver::Sample;

use crate::client::Attempt;

/// A question, and whether it came to something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) sent: Instant,
    pub(crate) came: Instant,
    pub(crate) good: bool,
}

/// Verifications: a verdict, whichever it is, is good.
pub(crate) fn marks_of<'a>(samples: impl Iterator<Item = &'a Sample>) -> impl Iterator<Item = Mark> {
    samples.map(|sample| Mark {
        sent: sample.sent,
        came: sample.came,
        good: sample.is_accepted() || sample.is_refused(),
    })
}

/// Creations and revocations: what was acknowledged is good.
pub(crate) fn marks_of_writes<'a>(attempts: impl Iterator<Item = &'a Attempt>) -> impl Iterator<Item = Mark> {
    attempts.map(|attempt| Mark { sent: attempt.sent, came: attempt.came, good: attempt.is_acknowledged() })
}

/// A part of an outage is as long as this.
const SLICE: Duration = Duration::from_secs(1);

/// What may come to nothing where all is well: on a machine that is busy, now and then one is not answered in time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tolerance {
    /// One in ten, where hundreds are asked in a second.
    Verdicts,
    /// One in two, where some are.
    Writes,
}

impl Tolerance {
    pub(crate) fn takes(self, marks: &[Mark]) -> bool {
        let failures = marks.iter().filter(|mark| !mark.good).count();
        let one_in = match self {
            Self::Verdicts => 10,
            Self::Writes => 2,
        };
        failures * one_in <= marks.len()
    }
}

/// How long after `from` it was until no more failed than is tolerated of what was sent in any second before
/// `until`; none where nothing good came after that.
pub(crate) fn back_after(
    marks: &[Mark],
    from: Instant,
    until: Instant,
    tolerance: Tolerance,
) -> Option<Duration> {
    let mut slices: BTreeMap<u128, Vec<Mark>> = BTreeMap::new();
    for mark in marks.iter().filter(|mark| mark.sent >= from && mark.sent < until) {
        slices.entry((mark.sent - from).as_nanos() / SLICE.as_nanos()).or_default().push(*mark);
    }
    let away = slices.values().rev().find(|slice| !tolerance.takes(slice));
    let failures = away.into_iter().flatten().filter(|mark| !mark.good);
    let Some(last) = failures.map(|mark| mark.sent).max() else { return Some(Duration::ZERO) };
    let good = marks.iter().filter(|mark| mark.good && mark.sent > last);
    good.map(|mark| mark.came).min().map(|came| came.duration_since(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(start: Instant, sent: &[(u64, bool)]) -> Vec<Mark> {
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        sent.iter().map(|&(sent, good)| Mark { sent: at(sent), came: at(sent + 100), good }).collect()
    }

    #[test]
    fn an_outage_ends_with_the_first_good_answer_after_the_last_bad_one() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let marks = marks(start, &[(0, false), (2_000, true), (3_000, false), (5_000, true), (9_000, false)]);
        let back = |from, until| back_after(&marks, at(from), at(until), Tolerance::Verdicts);
        assert_eq!(back(1, 9), Some(Duration::from_millis(4_100)));
        assert_eq!(back(4, 9), Some(Duration::ZERO));
        assert_eq!(back(1, 10), None);
    }

    #[test]
    fn a_few_that_fail_are_no_outage() {
        let start = Instant::now();
        let sent: Vec<_> = (0..20).map(|tenth| (tenth * 100, tenth != 12)).collect();
        let back = |sent: &[_]| {
            let until = start + Duration::from_secs(9);
            back_after(&marks(start, sent), start, until, Tolerance::Verdicts)
        };
        assert_eq!(back(&sent), Some(Duration::ZERO));
        let more: Vec<_> = sent.iter().map(|&(at, good)| (at, good && at != 1_500)).collect();
        assert_eq!(back(&more), Some(Duration::from_millis(1_700)));
    }
}
