//! Which peppers the keys in a store need, and who has them.

use alloc::{boxed::Box, vec::Vec};

use async_trait::async_trait;

use super::{ReplicaId, Unavailable};
use crate::{
    model::{KeyId, Timestamp},
    secret::{KeyDigest, PepperCheck, PepperId, RecordedPepper},
};

/// How many keys need a pepper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PepperUse {
    /// The pepper.
    pub id: PepperId,
    /// Keys that are neither revoked nor expired.
    pub active_keys: u64,
}

/// A key that is to be stored under the digest of another pepper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehash {
    /// The key.
    pub key: KeyId,
    /// As it is stored.
    pub from: KeyDigest,
    /// As it is to be stored.
    pub to: KeyDigest,
}

/// Peppers and the replicas that have them.
///
/// A key is made with a pepper only once that has had its turn, which it gets only when every
/// registered replica has said that it has it: so no replica takes a new key for an unknown one.
#[async_trait]
pub trait PepperRegistry: Send + Sync {
    /// Records those of `peppers` whose ids are not known yet, notes that `replica` has all of them
    /// where it is registered, and says what is recorded. A recorded pepper never changes.
    ///
    /// # Errors
    /// [`Unavailable`]; then any part of it may be stored, and to call again does no harm.
    async fn announce_peppers(
        &self,
        replica: ReplicaId,
        peppers: Vec<PepperCheck>,
    ) -> Result<Vec<RecordedPepper>, Unavailable>;

    /// Gives `pepper`, which is recorded, the highest turn, unless a registered replica other than
    /// `replica` has not said that it has it. Whether it was given.
    ///
    /// # Errors
    /// [`Unavailable`]; then it may have been given or not.
    async fn take_turn(&self, replica: ReplicaId, pepper: PepperId) -> Result<bool, Unavailable>;

    /// Which peppers the keys need that are good at `at`. It reads all keys.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn count_pepper_uses(&self, at: Timestamp) -> Result<Vec<PepperUse>, Unavailable>;

    /// Stores keys under other digests. One that is not stored as it was, or is revoked or disabled, or is being
    /// changed by somebody else, stays as it is. Each is a change in the feed.
    ///
    /// # Errors
    /// [`Unavailable`]; then all or none of it is stored, and to call again does no harm.
    async fn rehash_keys(&self, keys: Vec<Rehash>) -> Result<(), Unavailable>;
}
