//! A key as a store has it.

use super::{EndingKey, KeyChange, KeyUse, NewSecret};
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
    /// Until when its end was said as far as it was to be said, where it was.
    pub expiry_noticed_until: Option<Timestamp>,
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
        let previous_digest = previous_digest.filter(|_| !change.ends_previous());
        Self { key, digest, previous_digest, expiry_noticed_until: self.expiry_noticed_until }
    }

    /// Its end, where that may have to be said: it is neither revoked nor disabled, and it was not said that it has ended.
    #[must_use]
    pub fn ending(&self) -> Option<EndingKey> {
        let ApiKey { id, organization_id, expires_at, created_at, .. } = self.key;
        let ends = expires_at.filter(|_| self.key.revoked_at.is_none() && self.key.disabled.is_none())?;
        let unsaid = self.expiry_noticed_until.is_none_or(|until| until < ends);
        let noticed_until = self.expiry_noticed_until.unwrap_or(created_at);
        unsaid.then_some(EndingKey { id, organization_id, expires_at: ends, noticed_until })
    }

    /// Takes the notice, where it is one of its end and less was said. Whether it did.
    pub fn noticed(&mut self, notice: &EndingKey) -> bool {
        let applies = self.ending().is_some_and(|own| {
            own.expires_at == notice.expires_at && own.noticed_until < notice.noticed_until
        });
        if applies {
            self.expiry_noticed_until = Some(notice.noticed_until);
        }
        applies
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
