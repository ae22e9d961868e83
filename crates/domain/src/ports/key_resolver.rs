//! What is known of a key right now.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use async_trait::async_trait;

use super::{FoundKey, KeyLookup, Unavailable};
use crate::secret::KeyDigest;

/// A key as it is known, and how long that may be acted on.
#[derive(Clone, Debug)]
pub struct ResolvedKey {
    /// The key, whatever its state; `None` where there is none.
    pub found: Option<Arc<FoundKey>>,
    /// For this long from now on, no revocation that was acknowledged can be missing from it; never
    /// longer than was asked for.
    pub reliable_for: Duration,
}

/// Finds keys for verdicts, from memory where that is as good as asking the store.
///
/// A change that was committed is known at the latest when [`Replicas::until_obeyed`] came back
/// for it, whoever made it.
///
/// [`Replicas::until_obeyed`]: super::Replicas::until_obeyed
#[async_trait]
pub trait KeyResolver: Send + Sync {
    /// The key stored under one of `digests`, with its organization, for a caller that may go on
    /// acting on it for as long as `keep`. Every change that touches the key is acknowledged only
    /// when that time, as far as [`ResolvedKey::reliable_for`] grants it, is over.
    ///
    /// # Errors
    /// [`Unavailable`] where the store had to be asked and did not answer in time.
    async fn resolve(&self, digests: &[KeyDigest], keep: Duration) -> Result<ResolvedKey, Unavailable>;

    /// Whether keys may be there whose secrets were [made elsewhere](crate::model::Brought). As long as there are none, a
    /// text of another form than that of the keys that are made here is not asked for. Where one was stored, that is
    /// known when [`Replicas::until_obeyed`](super::Replicas::until_obeyed) came back for it.
    fn may_know_brought(&self) -> bool;
}

/// Asks the store each time, and vouches for no longer than the moment.
pub struct Unremembered(pub Arc<dyn KeyLookup>);

#[async_trait]
impl KeyResolver for Unremembered {
    async fn resolve(&self, digests: &[KeyDigest], _: Duration) -> Result<ResolvedKey, Unavailable> {
        let found = self.0.find_key_by_digest(digests).await?.map(Arc::new);
        Ok(ResolvedKey { found, reliable_for: Duration::ZERO })
    }

    /// Nobody presents credentials to a command.
    fn may_know_brought(&self) -> bool {
        false
    }
}
