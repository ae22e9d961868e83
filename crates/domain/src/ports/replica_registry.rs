//! Who may act on what it remembers, and for how long.

use alloc::{boxed::Box, vec::Vec};
use core::time::Duration;

use async_trait::async_trait;

use super::{FeedPosition, Unavailable};
use crate::model::Sequence;

/// A replica: one process that remembers keys. Random, and another one after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaId(pub [u8; 16]);

/// How far a replica has got, and in which epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedProgress {
    /// The number of the last event.
    pub sequence: Sequence,
    /// The epoch, as in [`FeedPosition::epoch`].
    pub epoch: [u8; 16],
}

impl FeedProgress {
    /// Whether whoever got to here has obeyed all that is told up to `target`. Numbers of two epochs
    /// cannot be compared: after a failover the same one can stand for another event.
    #[must_use]
    pub fn covers(&self, target: &Self) -> bool {
        self.epoch == target.epoch && self.sequence >= target.sequence
    }
}

impl From<FeedPosition> for FeedProgress {
    fn from(position: FeedPosition) -> Self {
        Self { sequence: position.sequence, epoch: position.epoch }
    }
}

/// A replica as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredReplica {
    /// Which one.
    pub id: ReplicaId,
    /// How long it may act on what it remembers after it sent a poll. It never changes.
    pub lease: Duration,
    /// What it has obeyed; `None` before it has confirmed anything.
    pub confirmed: Option<FeedProgress>,
    /// One more each time that it registers, renews or confirms: one that does not change any more belongs
    /// to a replica that is gone or cut off. It begins where no registration of the replica before has
    /// been, at a random number: whoever is late and means that one must not remove this one.
    pub renewals: i64,
}

/// Everybody who is registered, and how far the feed has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// The end of the feed.
    pub head: FeedProgress,
    /// The replicas, in no order.
    pub replicas: Vec<RegisteredReplica>,
}

/// The replicas that may remember keys: who has to obey a change before it is acknowledged.
///
/// The rules, which `docs/security.md` gives the reasons for:
///
/// - A replica registers before it takes its first lease, and takes one only from a poll that tells
///   it that it is registered ([`FeedHead::registered`](super::FeedHead::registered)).
/// - It confirms a position after it has obeyed everything up to it.
/// - It is removed in two steps: [`retire_replica`](Self::retire_replica), after which no poll tells it that it is
///   registered, and, once its lease has run out since, [`forget_replica`](Self::forget_replica). A replica that is
///   still there registers again.
///
/// Registrations and retirements must be as durable as revocations: a store that loses one with a
/// failover may acknowledge a change too early. Confirmations may be lost.
#[async_trait]
pub trait ReplicaRegistry: Send + Sync {
    /// Registers a replica with the lease that it is going to take, or renews its registration
    /// where it has one: it is not retired then any more. What it has confirmed stays.
    ///
    /// # Errors
    /// [`Unavailable`]; then it may be registered or not.
    async fn register_replica(&self, id: ReplicaId, lease: Duration) -> Result<(), Unavailable>;

    /// Stores that the replica has obeyed everything up to `progress`, and that it is there. Nothing
    /// happens where it is not registered.
    ///
    /// # Errors
    /// [`Unavailable`]; then it may be stored or not.
    async fn confirm_progress(&self, id: ReplicaId, progress: FeedProgress) -> Result<(), Unavailable>;

    /// Everybody who is registered, retired ones too, and the end of the feed, in one state of the
    /// store: what was committed before this call is seen.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn read_registry(&self) -> Result<Registry, Unavailable>;

    /// Retires the replica, unless it has renewed its registration since `renewals`: once this has
    /// come back with `true`, no poll tells it that it is registered until it registers again.
    ///
    /// # Errors
    /// [`Unavailable`]; then it may be retired or not.
    async fn retire_replica(&self, id: ReplicaId, renewals: i64) -> Result<bool, Unavailable>;

    /// Removes the replica if it is retired and has not renewed its registration since `renewals`.
    /// To be called when its lease has run out since it was retired.
    ///
    /// # Errors
    /// [`Unavailable`]; then it may be removed or not.
    async fn forget_replica(&self, id: ReplicaId, renewals: i64) -> Result<(), Unavailable>;
}
