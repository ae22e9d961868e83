//! How long something was away.

use std::time::{Duration, Instant};

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

/// How long after `from` it was until nothing failed any more of what was sent before `until`; none where nothing
/// good came after that.
pub(crate) fn back_after(marks: &[Mark], from: Instant, until: Instant) -> Option<Duration> {
    let within = |mark: &&Mark| mark.sent >= from && mark.sent < until;
    let failures = marks.iter().filter(within).filter(|mark| !mark.good);
    let Some(last) = failures.map(|mark| mark.sent).max() else { return Some(Duration::ZERO) };
    let good = marks.iter().filter(|mark| mark.good && mark.sent > last);
    good.map(|mark| mark.came).min().map(|came| came.duration_since(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_ends_with_the_first_good_answer_after_the_last_bad_one() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mark = |second, good| Mark { sent: at(second), came: at(second + 1), good };
        let marks =
            [mark(0, false), mark(2, true), mark(3, false), mark(5, true), mark(6, true), mark(9, false)];
        assert_eq!(back_after(&marks, at(1), at(9)), Some(Duration::from_secs(5)));
        assert_eq!(back_after(&marks, at(4), at(9)), Some(Duration::ZERO));
        assert_eq!(back_after(&marks, at(1), at(10)), None);
    }
}
