//! What has changed, for caches.

use alloc::{boxed::Box, vec::Vec};
use core::num::NonZeroU32;

use async_trait::async_trait;

use super::{ReplicaId, Unavailable};
use crate::model::{KeyId, OrganizationId, Timestamp};

/// A place in the feed, as its reader keeps it.
///
/// The mark is a random value that the event at this place was given when it was committed. A
/// store that was restored, or replaced by a standby that had not seen everything, may count to the
/// same number again, but not to the same mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedPosition {
    /// The number of the last event that was read; 0 before the first.
    pub sequence: i64,
    /// The mark of that event; before the first, one that the store was given when it was made.
    pub mark: [u8; 16],
    /// The line of history that the event was read from. A store that can lose what it committed, by
    /// a failover or a restore, is on another line then: a reader whose position is older than what
    /// was lost finds its event with the same mark, and may all the same have read, and kept, some of
    /// what was lost.
    pub history: [u8; 16],
}

/// Something that can make a verdict stricter or different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Of this key: it was revoked, or its end, its scopes or whom it stands for were changed.
    Key(KeyId),
    /// Of this organization: it was suspended, its suspension ended, or it was linked to another one at
    /// Clerk. Or any number of its keys have changed: a store may tell so of many at once, and of what
    /// only a newer server knows. Whoever remembers any of its keys, or the organization itself, forgets
    /// them.
    Organization(OrganizationId),
}

/// Where the feed ends, and what time it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedHead {
    /// The last event.
    pub position: FeedPosition,
    /// The store's own time. Verdicts that depend on time are given by it, not by a replica's.
    pub store_time: Timestamp,
    /// Whether the reader is registered as a replica, in the same state of the store, and not
    /// retired. Only then may it take a lease.
    pub registered: bool,
}

/// What a reader is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poll {
    /// The events after the reader's position, in the order in which they were committed.
    Changes {
        /// The events.
        changes: Vec<Change>,
        /// The reader's position once it has applied them.
        position: FeedPosition,
        /// Whether these are all that were committed before the poll was answered. Where the
        /// reader's limit cut them off, it has to poll on before it may trust anything.
        complete: bool,
        /// The store's own time.
        store_time: Timestamp,
        /// As in [`FeedHead::registered`].
        registered: bool,
    },
    /// The feed has no event with the reader's number and mark, or is on another line of history:
    /// what the reader knows is of another store, or of a state that was lost, or older than what is
    /// kept. Or the feed tells something that only a newer server knows, and that names no organization
    /// which it may concern. The reader must forget everything and start at the head.
    Diverged(FeedHead),
}

/// The changes that were committed, in the order of their commits.
///
/// Every change that is committed before a poll begins is in its answer or was in an earlier one.
/// No event appears before one that an answer has given already, whatever transactions are open
/// meanwhile: a number is taken as the last thing before the commit, and nobody takes the next one
/// until that commit is done.
#[async_trait]
pub trait ChangeFeed: Send + Sync {
    /// The end of the feed, for a `reader` that knows nothing yet.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time, or is a standby.
    async fn head(&self, reader: ReplicaId) -> Result<FeedHead, Unavailable>;

    /// Up to `limit` events after `position`.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time, or is a standby.
    async fn poll(
        &self,
        reader: ReplicaId,
        position: &FeedPosition,
        limit: NonZeroU32,
    ) -> Result<Poll, Unavailable>;
}
