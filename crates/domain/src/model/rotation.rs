//! That a key was given another secret.

use super::{ApiKey, KeyPrefix, Timestamp};

/// That a key was given another secret, and until when the one before it is good beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// When.
    pub at: Timestamp,
    /// The start of the secret before.
    pub previous_key_prefix: KeyPrefix,
    /// From when on the secret before is refused.
    pub previous_expires_at: Timestamp,
    /// When the key was last used with the secret before, give or take the interval in which uses are written.
    pub previous_last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// When the key ends for whoever holds the secret before its present one: with the grace of that, or before.
    #[must_use]
    pub fn previous_ends_at(&self) -> Option<Timestamp> {
        let grace = self.rotation.as_ref().map(|rotation| rotation.previous_expires_at);
        [self.expires_at, grace].into_iter().flatten().min()
    }

    /// Whether the secret before its present one is good at `now`, as far as that secret goes.
    #[must_use]
    pub fn has_two_secrets(&self, now: Timestamp) -> bool {
        self.rotation.as_ref().is_some_and(|rotation| rotation.previous_expires_at > now)
    }

    /// When it was given its present secret, where it has had another one.
    #[must_use]
    pub fn rotated_at(&self) -> Option<Timestamp> {
        self.rotation.as_ref().map(|rotation| rotation.at)
    }
}
