//! Lines of history.

/// A line of history: what a store has told since one server of it began to take writes.
///
/// Another begins where commits can have been lost or a second server can be about: when a standby
/// is promoted, when a server is started again, when a database is copied or put back from a dump.
/// A store keeps all lines that lead to its own, so that it can be told from one that has not seen
/// the newest: a standby that is behind, or a primary that has been replaced and does not know it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLine {
    /// Counts up along the lines that lead to this one. Two lines that part may both take the same.
    pub number: i64,
    /// Random, so that no two lines anywhere have the same.
    pub id: [u8; 16],
}

/// The newest line that a process has had an answer from. It never goes back: what another line
/// answers is no answer, unless that line comes after this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewestLine(Option<HistoryLine>);

impl NewestLine {
    /// The line; `None` before the first answer. A question that is sent goes with it, and a store
    /// that does not have the line in its past must not answer.
    #[must_use]
    pub const fn line(&self) -> Option<HistoryLine> {
        self.0
    }

    /// Whether the answer `told` to a question that went with `asked` counts. Where it does and is
    /// of a newer line, that is the newest from now on.
    ///
    /// The store has vouched that `told` comes after `asked`. That says nothing about a line that
    /// was seen while the question was under way.
    #[must_use]
    pub fn admits(&mut self, asked: Option<HistoryLine>, told: HistoryLine) -> bool {
        if self.0 == Some(told) {
            return true;
        }
        let newest = self.0 == asked;
        if newest {
            self.0 = Some(told);
        }
        newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn line(number: i64, id: u8) -> HistoryLine {
        HistoryLine { number, id: [id; 16] }
    }

    #[test]
    fn a_line_that_comes_after_the_newest_is_followed() {
        let mut newest = NewestLine::default();
        assert!(newest.admits(None, line(1, 1)));
        assert!(newest.admits(Some(line(1, 1)), line(2, 2)));
        assert!(newest.admits(Some(line(1, 1)), line(2, 2)), "asked before the change, answered after it");
        assert_eq!(newest.line(), Some(line(2, 2)));
    }

    #[test]
    fn an_answer_of_an_older_line_that_was_under_way_is_none() {
        let mut newest = NewestLine::default();
        assert!(newest.admits(None, line(1, 1)) && newest.admits(Some(line(1, 1)), line(2, 2)));
        assert!(!newest.admits(None, line(1, 1)));
        assert!(!newest.admits(Some(line(1, 1)), line(1, 1)));
        assert_eq!(newest.line(), Some(line(2, 2)));
    }

    #[test]
    fn a_line_that_parted_earlier_is_not_followed_however_it_counts() {
        let mut newest = NewestLine::default();
        assert!(newest.admits(None, line(1, 1)) && newest.admits(Some(line(1, 1)), line(2, 2)));
        for number in [2, 3, i64::MAX] {
            assert!(!newest.admits(Some(line(1, 1)), line(number, 9)));
        }
    }
}
