//! The model's change feed.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use capykeys_domain::{
    model::{Sequence, Timestamp},
    ports::{ChangeFeed, FeedHead, FeedPosition, FeedQuery, Poll, ReplicaId, Unavailable},
};

use super::{ModelStore, State};
use crate::fixtures;

/// What makes the marks of a store its own, and its time.
pub(super) struct Feed {
    store: u64,
    now: Timestamp,
}

impl Default for Feed {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { store: NEXT.fetch_add(1, Ordering::SeqCst), now: fixtures::at(0) }
    }
}

impl State {
    /// The position after the first `count` events.
    fn position(&self, count: usize) -> FeedPosition {
        let sequence = i64::try_from(count).ok().and_then(Sequence::new).unwrap_or(Sequence::MAX);
        let mark = (u128::from(self.feed.store) << 64) | u128::from(sequence.get().cast_unsigned());
        FeedPosition { sequence, mark: mark.to_be_bytes(), epoch: [0; 16] }
    }

    /// The position after all events.
    pub(super) fn end(&self) -> FeedPosition {
        self.position(self.changes.len())
    }

    fn head(&self, reader: ReplicaId) -> FeedHead {
        let registered = self.is_registered(reader);
        FeedHead { position: self.end(), store_time: self.feed.now, registered }
    }
}

impl ModelStore {
    /// Sets the store's own time, which stands still: 2026-01-01T00:00:00Z at first.
    pub fn set_time(&self, now: Timestamp) {
        self.state().feed.now = now;
    }
}

/// Of marks that need not be random: each store has its own, and each event its own in there.
#[async_trait]
impl ChangeFeed for ModelStore {
    async fn feed_head(&self, reader: ReplicaId) -> Result<FeedHead, Unavailable> {
        Ok(self.state().head(reader))
    }

    async fn poll_changes(&self, query: FeedQuery) -> Result<Poll, Unavailable> {
        let state = self.state();
        let head = state.head(query.reader);
        let known =
            usize::try_from(query.after.sequence.get()).ok().filter(|&read| read <= state.changes.len());
        let Some(read) = known.filter(|&read| state.position(read) == query.after) else {
            return Ok(Poll::Diverged(head));
        };
        let end = state.changes.len().min(read.saturating_add(query.limit.get().into()));
        Ok(Poll::Changes {
            changes: state.changes[read..end].to_vec(),
            position: state.position(end),
            complete: end == state.changes.len(),
            store_time: head.store_time,
            registered: head.registered,
        })
    }
}
