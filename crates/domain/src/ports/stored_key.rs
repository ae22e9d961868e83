//! A key as a store has it.

use super::{KeyChange, KeyUse, NewSecret};
use crate::{
    model::{ApiKey, Timestamp},
    secret::{KeyDigest, PepperId},
};

/// A key with what is stored in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// The key.
    pub key: ApiKey,
    /// Its digest.
    pub digest: KeyDigest,
    /// That of the secret before its present one, where that was not ended by somebody.
    pub previous_digest: Option<KeyDigest>,
}

impl StoredKey {
    /// As it is once it was changed.
    #[must_use]
    pub fn changed(self, change: &KeyChange) -> Self {
        let mut key = ApiKey { last_used_at: self.key.last_used_at, ..change.after.clone() };
        let last_used_at = self.key.rotation.and_then(|rotation| rotation.previous_last_used_at);
        let (digest, previous_digest, last_used_at) = match change.secret.clone() {
            None => (self.digest, self.previous_digest, last_used_at),
            Some(NewSecret { digest, keeps_previous: true }) => (digest, self.previous_digest, last_used_at),
            Some(NewSecret { digest, .. }) => (digest, Some(self.digest), self.key.last_used_at),
        };
        if let Some(rotation) = &mut key.rotation {
            rotation.previous_last_used_at = last_used_at;
        }
        Self { key, digest, previous_digest: previous_digest.filter(|_| !change.ends_previous()) }
    }

    /// Notes a use of it.
    pub fn used(&mut self, KeyUse { at, with_previous, .. }: KeyUse) {
        self.key.last_used_at = self.key.last_used_at.max(Some(at));
        // Before the rotation there was no other secret.
        if let Some(rotation) = &mut self.key.rotation
            && (with_previous || at <= rotation.at)
        {
            rotation.previous_last_used_at = rotation.previous_last_used_at.max(Some(at));
        }
    }

    /// Its digest, and that of the secret before its present one.
    pub fn digests(&self) -> impl Iterator<Item = &KeyDigest> {
        [&self.digest].into_iter().chain(&self.previous_digest)
    }

    /// Whether one of these has such bytes.
    #[must_use]
    pub fn has(&self, bytes: &[u8; 32]) -> bool {
        self.digests().any(|digest| digest.as_bytes() == bytes)
    }

    /// The peppers that it needs at `at`, each once.
    pub fn peppers(&self, at: Timestamp) -> impl Iterator<Item = &PepperId> {
        let own = (!self.key.is_over(at)).then(|| self.digest.pepper_id());
        let previous = self.previous_digest.as_ref().map(KeyDigest::pepper_id);
        let previous = previous.filter(|id| own != Some(id) && self.key.has_two_secrets(at));
        own.into_iter().chain(previous.filter(move |_| own.is_some()))
    }
}
