//! Keys that are to be stored under the digest of a newer pepper.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use capykeys_domain::{
    model::KeyId,
    ports::{PepperRegistry, Rehash, Unavailable},
};

/// How many keys are rehashed in one interval: each makes every replica read it once more, and so many
/// are a small part of what the change feed keeps. The others are noted again when they are used.
const AT_ONCE: usize = 200;

/// What is noted until the next interval.
pub(crate) struct Outdated {
    peppers: Arc<dyn PepperRegistry>,
    noted: Mutex<HashMap<KeyId, Rehash>>,
}

impl Outdated {
    pub(crate) fn new(peppers: Arc<dyn PepperRegistry>) -> Self {
        Self { peppers, noted: Mutex::default() }
    }

    fn noted(&self) -> MutexGuard<'_, HashMap<KeyId, Rehash>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, key: Rehash) {
        let mut noted = self.noted();
        if noted.len() < AT_ONCE {
            noted.insert(key.key, key);
        }
    }

    /// Rehashes what is noted. What fails is forgotten: its next use notes it again.
    pub(crate) async fn rehash(&self) -> Result<(), Unavailable> {
        let keys: Vec<Rehash> = std::mem::take(&mut *self.noted()).into_values().collect();
        if keys.is_empty() {
            return Ok(());
        }
        self.peppers.rehash(&keys).await?;
        tracing::info!(keys = keys.len(), "keys were rehashed with the newest pepper");
        Ok(())
    }
}
