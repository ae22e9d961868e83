//! What has changed, for caches.

use alloc::{boxed::Box, vec::Vec};

use async_trait::async_trait;

use super::{Limit, ReplicaId, Unavailable};
use crate::model::{KeyId, OrganizationId, Sequence, Timestamp};

/// A place in the feed, as its reader keeps it.
///
/// The mark is a random value that the event at this place was given when it was committed. A
/// store that was restored, or replaced by a standby that had not seen everything, may count to the
/// same number again, but not to the same mark: so it must be random, and never made from the number or the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedPosition {
    /// The number of the last event that was read.
    pub sequence: Sequence,
    /// The mark of that event; before the first, one that the store was given when it was made.
    pub mark: [u8; 16],
    /// The [epoch](super::Epoch) that the event was read in. A store that can lose what it committed, by
    /// a failover or a restore, is in another one then: a reader whose position is older than what
    /// was lost finds its event with the same mark, and may all the same have read, and kept, some of
    /// what was lost.
    pub epoch: [u8; 16],
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
    /// A key of this organization was stored whose secret was [made elsewhere](crate::model::Brought): somebody may
    /// have asked for it before. Whoever remembers that there is no key of some secret forgets it, and from now on looks
    /// for keys that have another form than those that are made here. A reader that knows nothing of them takes it for
    /// a change of the organization.
    Brought(OrganizationId),
}

/// What a reader asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedQuery {
    /// Who reads.
    pub reader: ReplicaId,
    /// The last event that it has read.
    pub after: FeedPosition,
    /// How many events at most.
    pub limit: Limit,
}

/// Where the feed ends, and what time it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedHead {
    /// The last event.
    pub position: FeedPosition,
    /// The store's own time, taken while the answer was made, to the millisecond at least: that of its
    /// server where it has one, for all replicas are to agree, else [`Host::clock`](super::Host::clock).
    /// Verdicts that depend on time are given by it, so it must not stand still, and an answer that was asked for
    /// after another was given does not tell an earlier one.
    pub store_time: Timestamp,
    /// Whether the reader is registered as a replica, in the same state of the store, and not
    /// retired. Only then may it take a lease.
    pub registered: bool,
    /// Whether a key was ever stored whose secret was [made elsewhere](crate::model::Brought).
    pub brought: bool,
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
        /// As in [`FeedHead::store_time`].
        store_time: Timestamp,
        /// As in [`FeedHead::registered`].
        registered: bool,
    },
    /// The feed has no event with the reader's number and mark, or is in another epoch:
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
///
/// A change is told in the same transaction as what it tells of, as the last thing in it. Told earlier, a reader
/// could forget a key, read it again as it was, and keep it; told in a transaction of its own, it could be lost
/// between the two.
///
/// A store may take the oldest events out, but never the last: the place of a reader that has read all must be
/// found for as long as nothing happens. A reader whose own event is gone has [diverged](Poll::Diverged) and
/// forgets what it knows, so what readers are about to ask for, that of some minutes, is better kept.
#[async_trait]
pub trait ChangeFeed: Send + Sync {
    /// The end of the feed, for a `reader` that knows nothing yet.
    ///
    /// # Errors
    /// [`Unavailable`], as for a server that is a standby.
    async fn feed_head(&self, reader: ReplicaId) -> Result<FeedHead, Unavailable>;

    /// The events after a reader's position.
    ///
    /// # Errors
    /// [`Unavailable`], as for a server that is a standby.
    async fn poll_changes(&self, query: FeedQuery) -> Result<Poll, Unavailable>;
}
