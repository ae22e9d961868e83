//! A cache over a store that can be broken, with a lease.

use std::{sync::Arc, time::Duration};

use capykeys_cache::{CacheSettings, VerificationCache};
use capykeys_domain::{
    ports::{FoundKey, KeyResolver},
    secret::KeyDigest,
};
use tokio::{runtime::Handle, time::sleep};

use crate::support::{FakeBootClock, FakeStore, REPLICA};

pub(crate) struct World {
    pub(crate) store: Arc<FakeStore>,
    pub(crate) clock: Arc<FakeBootClock>,
    pub(crate) cache: VerificationCache,
    _polling: capykeys_cache::Polling,
}

pub(crate) async fn world(settings: CacheSettings) -> World {
    let (store, clock) = (Arc::new(FakeStore::default()), Arc::new(FakeBootClock::new()));
    let cache = VerificationCache::with_clock(settings, REPLICA, store.ports(), Arc::clone(&clock) as _);
    let polling = cache.spawn(&Handle::current());
    let world = World { store, clock, cache, _polling: polling };
    world.until_there_is_a_lease().await;
    world
}

impl World {
    pub(crate) async fn until_there_is_a_lease(&self) {
        while self.cache.lease_remaining().is_none() {
            sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) async fn until_there_is_none(&self) {
        while self.cache.lease_remaining().is_some() {
            sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) async fn find(&self, digest: &KeyDigest) -> Option<FoundKey> {
        self.cache
            .resolve(std::slice::from_ref(digest), Duration::ZERO)
            .await
            .unwrap()
            .found
            .as_deref()
            .cloned()
    }

    /// Asks once more, and says whether that has read the store.
    pub(crate) async fn reads(&self, digest: &KeyDigest) -> bool {
        let before = self.store.reads();
        self.find(digest).await;
        self.store.reads() > before
    }
}
