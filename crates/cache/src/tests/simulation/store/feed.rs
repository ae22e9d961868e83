//! What a poll is told.

use super::*;

impl Store {
    pub(super) fn poll(&self, server: &Server, reader: ReplicaId, from: &FeedPosition, now: Micros) -> Poll {
        let head = self.head(server, reader, now);
        let known = server.history.iter().find(|event| event.sequence == from.sequence.get());
        let missing = known.is_none() && from.sequence != Sequence::START;
        let checked = !matches!(self.bug, Some(StoreBug::NoMarks | StoreBug::CursorBySequence));
        if checked && (missing || self.position(server, known) != *from) {
            return Poll::Diverged(head);
        }
        let mut later: Vec<_> =
            server.history.iter().filter(|event| event.sequence > from.sequence.get()).collect();
        later.sort_by_key(|event| event.sequence);
        let complete = later.len() <= POLL_LIMIT;
        later.truncate(POLL_LIMIT);
        let position = later.last().map_or(*from, |last| self.position(server, Some(last)));
        let changes = later.iter().map(|event| event.change).collect();
        let (store_time, registered) = (head.store_time, head.registered);
        Poll::Changes { changes, position, complete, store_time, registered }
    }
}
