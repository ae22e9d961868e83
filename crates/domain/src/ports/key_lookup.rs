//! Finding a key by its secret.

use alloc::boxed::Box;

use async_trait::async_trait;

use super::Unavailable;
use crate::{
    model::{ApiKey, Organization},
    secret::KeyDigest,
};

/// A key with what a verdict on it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundKey {
    /// The digest that is stored for it.
    pub digest: KeyDigest,
    /// That of the secret before its present one, where that was not ended by somebody. Its grace may be over.
    pub previous_digest: Option<Box<KeyDigest>>,
    /// The key, whatever its state.
    pub key: ApiKey,
    /// Its organization, suspended or not.
    pub organization: Organization,
}

impl FoundKey {
    /// Whether one of `digests` is that of its secret.
    #[must_use]
    pub fn is_under(&self, digests: &[KeyDigest]) -> bool {
        digests.contains(&self.digest)
    }

    /// Whether one of them is that of the secret before.
    #[must_use]
    pub fn was_under(&self, digests: &[KeyDigest]) -> bool {
        self.key.rotation.is_some()
            && self.previous_digest.as_deref().is_some_and(|own| digests.contains(own))
    }
}

/// The authoritative read behind every authentication. The only lookup without an organization:
/// the secret says whose it is.
#[async_trait]
pub trait KeyLookup: Send + Sync {
    /// The key stored under one of `digests`, with its organization, in one read. Revoked and
    /// expired keys are found too: the verdict is the caller's. So it is where the digest is that of the secret before
    /// the key's present one, whose grace may be over.
    ///
    /// A digest is its bytes and its pepper: the same bytes under another pepper are another digest. The cost does
    /// not grow with the number of keys stored. A key that cannot be read, or whose organization is missing, fails
    /// the call; it is not an unknown key. What was committed before the call is seen: there is no old answer.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn find_key_by_digest(&self, digests: &[KeyDigest]) -> Result<Option<FoundKey>, Unavailable>;
}
