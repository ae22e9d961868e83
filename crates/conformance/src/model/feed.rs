//! The model's change feed.

use std::sync::Arc;

use async_trait::async_trait;
use capykeys_domain::{
    model::Sequence,
    ports::{
        Change, ChangeFeed, Clock as _, FeedHead, FeedPosition, FeedQuery, Poll, ReplicaId, Unavailable,
    },
};

use super::{ModelStore, State};
use crate::fixtures::{self, ManualClock};

/// What has changed, and when it is.
pub(super) struct Feed {
    changes: Vec<Change>,
    /// One before the first change, and one of each.
    marks: Vec<[u8; 16]>,
    clock: Arc<ManualClock>,
}

impl Default for Feed {
    fn default() -> Self {
        Self { changes: Vec::new(), marks: vec![mark()], clock: Arc::default() }
    }
}

fn mark() -> [u8; 16] {
    let mut mark = [0; 16];
    // The entropy of tests does not fail.
    let _ = fixtures::machine().entropy.fill(&mut mark);
    mark
}

impl Feed {
    pub(super) fn tell(&mut self, change: Change) {
        self.changes.push(change);
        self.marks.push(mark());
    }

    /// Begins anew: no position is good any more.
    pub(super) fn restart(&mut self) {
        self.marks.fill_with(mark);
    }

    /// The position after the first `count` events.
    fn position(&self, count: usize) -> FeedPosition {
        let sequence = i64::try_from(count).ok().and_then(Sequence::new).unwrap_or(Sequence::MAX);
        FeedPosition { sequence, mark: self.marks[count], epoch: [0; 16] }
    }
}

impl State {
    /// The position after all events.
    pub(super) fn end(&self) -> FeedPosition {
        self.feed.position(self.feed.changes.len())
    }

    pub(super) fn has_brought(&self) -> bool {
        self.keys.values().any(|stored| stored.key.brought.is_some())
    }

    fn head(&self, reader: ReplicaId) -> FeedHead {
        let registered = self.is_registered(reader);
        let brought = self.has_brought();
        FeedHead { position: self.end(), store_time: self.feed.clock.now(), registered, brought }
    }
}

impl ModelStore {
    /// Its clock, which stands still at 2026-01-01T00:00:00Z unless it is moved.
    #[must_use]
    pub fn clock(&self) -> Arc<ManualClock> {
        Arc::clone(&self.state().feed.clock)
    }
}

#[async_trait]
impl ChangeFeed for ModelStore {
    async fn feed_head(&self, reader: ReplicaId) -> Result<FeedHead, Unavailable> {
        Ok(self.state().head(reader))
    }

    async fn poll_changes(&self, query: FeedQuery) -> Result<Poll, Unavailable> {
        let state = self.state();
        let head = state.head(query.reader);
        let known =
            usize::try_from(query.after.sequence.get()).ok().filter(|&read| read <= state.feed.changes.len());
        let Some(read) = known.filter(|&read| state.feed.position(read) == query.after) else {
            return Ok(Poll::Diverged(head));
        };
        let end = state.feed.changes.len().min(read.saturating_add(query.limit.get().into()));
        Ok(Poll::Changes {
            changes: state.feed.changes[read..end].to_vec(),
            position: state.feed.position(end),
            complete: end == state.feed.changes.len(),
            store_time: head.store_time,
            registered: head.registered,
        })
    }
}
