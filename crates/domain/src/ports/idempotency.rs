//! Requests that are done once, as stores keep them.

use core::time::Duration;

use super::StoredKey;
use crate::{
    model::{ApiKey, Timestamp},
    secret::IdempotencyRecord,
};

/// For how long a request is remembered.
const REMEMBERED_FOR: Duration = Duration::from_hours(24);

/// How many records of requests that are to be forgotten go with each that is stored, at most: more than one, so that they
/// become fewer.
pub const FORGOTTEN_AT_ONCE: i64 = 8;

/// A request that was done before, with what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// What was stored of it.
    pub record: IdempotencyRecord,
    /// The key as it was answered.
    pub answered: ApiKey,
    /// The key as it is now.
    pub present: StoredKey,
}

impl IdempotencyRecord {
    /// Records of this time and from before it are forgotten by `now`: to a store, they are not there.
    #[must_use]
    pub fn forgotten(now: Timestamp) -> Timestamp {
        now.saturating_sub(REMEMBERED_FOR)
    }
}
