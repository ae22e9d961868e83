//! Epochs.

/// An epoch: what a store has told since one server of it began to take writes.
///
/// Another begins where commits can have been lost or a second server can be about: when a standby
/// is promoted, when a server is started again, when a database is copied or put back from a dump.
/// A store keeps all epochs that lead to its own, so that it can be told from one that has not seen
/// the newest: a standby that is behind, or a primary that has been replaced and does not know it yet.
///
/// An embedded store has no standbys, and while a server has it open nobody puts another file in its place. As long as
/// its commits are durable it loses nothing that a reader has seen, and one constant id is enough for the cache, which
/// begins anew with each server: marks tell a file that was put back. Where it can tell that it was opened on another
/// file than before, it should begin an epoch: a reader that keeps its place in the log for longer than a server lives
/// has nothing else to tell by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Counts up along the epochs that lead to this one. Two that part may both take the same.
    pub number: i64,
    /// Random, so that no two epochs anywhere have the same.
    pub id: [u8; 16],
}

/// The newest epoch that a process has had an answer from. It never goes back: what another one
/// answers is no answer, unless that one comes after this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewestEpoch(Option<Epoch>);

impl NewestEpoch {
    /// The epoch; `None` before the first answer. A question that is sent goes with it, and a store
    /// that does not have it in its past must not answer.
    #[must_use]
    pub const fn epoch(&self) -> Option<Epoch> {
        self.0
    }

    /// Whether the answer `told` to a question that went with `asked` counts. Where it does and is
    /// of a newer epoch, that is the newest from now on.
    ///
    /// The store has vouched that `told` comes after `asked`. That says nothing about an epoch that
    /// was seen while the question was under way.
    #[must_use]
    pub fn admits(&mut self, asked: Option<Epoch>, told: Epoch) -> bool {
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

    const fn epoch(number: i64, id: u8) -> Epoch {
        Epoch { number, id: [id; 16] }
    }

    #[test]
    fn an_epoch_that_comes_after_the_newest_is_followed() {
        let mut newest = NewestEpoch::default();
        assert!(newest.admits(None, epoch(1, 1)));
        assert!(newest.admits(Some(epoch(1, 1)), epoch(2, 2)));
        assert!(newest.admits(Some(epoch(1, 1)), epoch(2, 2)), "asked before the change, answered after it");
        assert_eq!(newest.epoch(), Some(epoch(2, 2)));
    }

    #[test]
    fn an_answer_of_an_older_epoch_that_was_under_way_is_none() {
        let mut newest = NewestEpoch::default();
        assert!(newest.admits(None, epoch(1, 1)) && newest.admits(Some(epoch(1, 1)), epoch(2, 2)));
        assert!(!newest.admits(None, epoch(1, 1)));
        assert!(!newest.admits(Some(epoch(1, 1)), epoch(1, 1)));
        assert_eq!(newest.epoch(), Some(epoch(2, 2)));
    }

    #[test]
    fn an_epoch_that_parted_earlier_is_not_followed_however_it_counts() {
        let mut newest = NewestEpoch::default();
        assert!(newest.admits(None, epoch(1, 1)) && newest.admits(Some(epoch(1, 1)), epoch(2, 2)));
        for number in [2, 3, i64::MAX] {
            assert!(!newest.admits(Some(epoch(1, 1)), epoch(number, 9)));
        }
    }
}
