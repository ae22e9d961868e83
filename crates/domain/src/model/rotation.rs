//! That a key was given another secret.

use core::time::Duration;

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
    /// For how long the secret before has to be unused to be ended then, where that was asked for.
    pub finish_when_idle: Option<Duration>,
}

impl ApiKey {
    /// The key as it is at `now` to whoever holds its secret that begins so: it ends with that one. `None` where the key
    /// has no such secret any more.
    #[must_use]
    pub fn held_with(&self, secret: &KeyPrefix, now: Timestamp) -> Option<Self> {
        if *secret == self.key_prefix {
            return Some(self.clone());
        }
        let is_previous = |rotation: &Rotation| rotation.previous_key_prefix == *secret;
        (self.has_two_secrets(now) && self.rotation.as_deref().is_some_and(is_previous))
            .then(|| Self { expires_at: self.previous_ends_at(), ..self.clone() })
    }

    /// When the key ends for whoever holds the secret before its present one: with the grace of that, or before.
    #[must_use]
    pub fn previous_ends_at(&self) -> Option<Timestamp> {
        [self.expires_at, self.grace_ends_at()].into_iter().flatten().min()
    }

    /// The key with the secret before its present one ended at `at`, unless it has ended before.
    #[must_use]
    pub fn finished(&self, at: Timestamp) -> Self {
        let mut finished = self.clone();
        if let Some(rotation) = &mut finished.rotation {
            rotation.previous_expires_at = rotation.previous_expires_at.min(at);
        }
        finished
    }

    /// Whether the secret before its present one is good at `at`, had not been used for as long as was asked for by then,
    /// and is to be ended for that.
    #[must_use]
    pub fn has_an_idle_secret(&self, at: Timestamp) -> bool {
        let idle = |rotation: &Rotation| {
            let last = rotation.previous_last_used_at.max(Some(rotation.at))?;
            Some(last.saturating_add(rotation.finish_when_idle?) <= at)
        };
        !self.is_over(at) && self.has_two_secrets(at) && self.rotation.as_deref().and_then(idle) == Some(true)
    }

    /// Whether the secret before its present one is good at `now`, as far as that secret goes.
    #[must_use]
    pub fn has_two_secrets(&self, now: Timestamp) -> bool {
        self.grace_ends_at() > Some(now)
    }

    /// From when on the secret before its present one is refused, where it has had another one.
    #[must_use]
    pub fn grace_ends_at(&self) -> Option<Timestamp> {
        self.rotation.as_ref().map(|rotation| rotation.previous_expires_at)
    }

    /// When it was given its present secret, where it has had another one.
    #[must_use]
    pub fn rotated_at(&self) -> Option<Timestamp> {
        self.rotation.as_ref().map(|rotation| rotation.at)
    }
}
