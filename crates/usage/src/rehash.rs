//! The queue of keys that are to be stored under the digest of a newer pepper.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use capykeys_domain::{
    model::KeyId,
    ports::{PepperRegistry, Rehash, Unavailable},
};

/// How many keys are rehashed in one interval: each makes every replica read it once more, and so many
/// are a small part of what the change feed keeps. The others are queued at a later use.
const BATCH: usize = 200;

/// The keys that wait for the end of the interval.
pub(crate) struct RehashQueue {
    peppers: Arc<dyn PepperRegistry>,
    queued: Mutex<HashMap<KeyId, Rehash>>,
}

impl RehashQueue {
    pub(crate) fn new(peppers: Arc<dyn PepperRegistry>) -> Self {
        Self { peppers, queued: Mutex::default() }
    }

    fn queued(&self) -> MutexGuard<'_, HashMap<KeyId, Rehash>> {
        self.queued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, key: Rehash) {
        let mut queued = self.queued();
        if queued.len() < BATCH {
            queued.insert(key.key, key);
        }
    }

    /// Rehashes what is queued. What fails is forgotten: the key is queued again at its next use.
    pub(crate) async fn rehash(&self) -> Result<(), Unavailable> {
        let keys: Vec<Rehash> = std::mem::take(&mut *self.queued()).into_values().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let count = keys.len();
        self.peppers.rehash_keys(keys).await?;
        tracing::info!(keys = count, "keys were rehashed with the newest pepper");
        Ok(())
    }
}
