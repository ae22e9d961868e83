//! Noting and recording.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use capykeys_domain::ports::{KeyStore, KeyUse, PepperRegistry, Rehash, Unavailable, Uses};
use tokio::time::{sleep, timeout};

use crate::{UsageSettings, pending::PendingUses, rehash::RehashQueue};

/// How many keys are recorded in one statement: few enough that it takes some milliseconds.
const BATCH: usize = 1_000;

/// How long [`UseRecorder::flush`] waits before it tries again.
const PAUSE: Duration = Duration::from_millis(50);

/// Notes uses in memory and records them in the store. Clones share what they note.
///
/// One lock guards it, which is held for some nanoseconds (`benches/used.rs` measures it), and once in
/// an interval for as long as it takes to copy what is pending.
#[derive(Clone)]
pub struct UseRecorder(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) settings: UsageSettings,
    keys: Arc<dyn KeyStore>,
    pending: Mutex<PendingUses>,
    rehash: Option<RehashQueue>,
    /// Held while recording: two at once would meet at every key.
    recording: tokio::sync::Mutex<()>,
}

impl UseRecorder {
    /// Notes what is used of `keys`. Nothing is recorded before [`spawn`](Self::spawn),
    /// [`run`](Self::run) or [`flush`](Self::flush) is called.
    #[must_use]
    pub fn new(settings: UsageSettings, keys: Arc<dyn KeyStore>) -> Self {
        Self::with(settings, keys, None)
    }

    /// The same, which has keys rehashed that were found under an older pepper.
    #[must_use]
    pub fn rehashing(
        settings: UsageSettings,
        keys: Arc<dyn KeyStore>,
        peppers: Arc<dyn PepperRegistry>,
    ) -> Self {
        Self::with(settings, keys, Some(RehashQueue::new(peppers)))
    }

    fn with(settings: UsageSettings, keys: Arc<dyn KeyStore>, rehash: Option<RehashQueue>) -> Self {
        let (pending, recording) =
            (Mutex::new(PendingUses::new(settings.keys)), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { settings, keys, pending, rehash, recording }))
    }

    /// Records what is pending, and tries again where that fails, for at most `limit`: for the end of a
    /// server. How many keys' uses are left; they are lost if it ends now.
    pub async fn flush(&self, limit: Duration) -> usize {
        let recorded = timeout(limit, async {
            while self.0.record().await.is_err() {
                sleep(PAUSE).await;
            }
        });
        let ended = recorded.await;
        let left = self.pending();
        if ended.is_err() {
            tracing::warn!(keys = left, "uses were not recorded in time");
        }
        left
    }

    /// How many keys have uses that are not recorded yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.0.pending().len()
    }

    /// How many uses were dropped since the start because there was no room for their keys.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.pending().dropped()
    }
}

impl Uses for UseRecorder {
    fn used(&self, one: KeyUse) {
        self.0.pending().add(one);
    }

    fn outdated(&self, key: Rehash) {
        if let Some(queue) = &self.0.rehash {
            queue.add(key);
        }
    }
}

impl Inner {
    fn pending(&self) -> MutexGuard<'_, PendingUses> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records all that is pending. What fails stays pending, and so does everything where this is dropped
    /// on the way.
    ///
    /// # Errors
    /// The last one, after all were tried: it may be of one key alone.
    pub(crate) async fn record(&self) -> Result<(), Unavailable> {
        let _turn = self.recording.lock().await;
        if let Some(queue) = &self.rehash
            && let Err(error) = queue.rehash().await
        {
            tracing::debug!(%error, "keys were not rehashed: their next use tries again");
        }
        let mut uses = self.pending().all();
        // Neighbours in the store become neighbours here.
        uses.sort_unstable_by_key(|one| one.key);
        let mut outcome = Ok(());
        for some in uses.chunks(BATCH) {
            match self.keys.record_uses(some.to_vec()).await {
                Ok(()) => self.pending().recorded(some),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }
}
