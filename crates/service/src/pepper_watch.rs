//! Comparing the configured peppers with what the store says of them, again and again.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use capykeys_cache::VerificationCache;
use capykeys_domain::{
    model::Timestamp,
    ports::{Clock, PepperRegistry, ReplicaId, Unavailable},
    secret::{PepperFault, PepperId, Peppers, RecordedPepper},
};
use tokio::time::{Instant, sleep};

use crate::adapters::SystemClock;

/// How often they are compared.
const INTERVAL: Duration = Duration::from_secs(2);
/// How often while they are not known to be right: until then the service is not ready.
const RETRY: Duration = Duration::from_millis(250);
/// How often the keys of missing peppers are counted, which reads all keys.
const COUNT_INTERVAL: Duration = Duration::from_hours(1);

/// Says which peppers this process has, and sees to it that they are those that the keys need.
pub(crate) struct PepperWatch {
    store: Arc<dyn PepperRegistry>,
    replica: ReplicaId,
    peppers: Arc<Peppers>,
    cache: VerificationCache,
    /// The newest pepper gets its turn once: were it taken again and again, servers of two
    /// configurations would take it from each other.
    turn_taken: bool,
    /// What was last said in the log.
    told: Option<Told>,
    missing: Arc<AtomicU64>,
}

/// What there is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Minting(PepperId),
    /// New keys are made with this one until every server has the newest.
    Waiting(PepperId),
    Fault(PepperFault),
    Unavailable,
}

/// What is known of a pepper.
#[derive(Default)]
pub(crate) struct Listed {
    pub(crate) configured: bool,
    pub(crate) makes_new_keys: bool,
    pub(crate) active_keys: u64,
}

impl PepperWatch {
    /// `cache` is what is remembered of the same store.
    pub(crate) fn new(
        store: Arc<dyn PepperRegistry>,
        replica: ReplicaId,
        peppers: Arc<Peppers>,
        cache: VerificationCache,
    ) -> Self {
        Self { store, replica, peppers, cache, turn_taken: false, told: None, missing: Arc::default() }
    }

    /// How many active keys need a pepper that is not configured, as counted last.
    pub(crate) fn missing(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.missing)
    }

    /// Compares them for ever.
    pub(crate) async fn run(mut self) {
        let mut counted: Option<Instant> = None;
        loop {
            self.compare().await;
            if self.peppers.minting().is_some() && counted.is_none_or(|last| last.elapsed() >= COUNT_INTERVAL)
            {
                counted = Some(Instant::now());
                self.count().await;
            }
            sleep(if self.peppers.minting().is_some() { INTERVAL } else { RETRY }).await;
        }
    }

    /// Compares them once, and says what has become of it where that is new.
    pub(crate) async fn compare(&mut self) {
        let told = self.outcome().await.unwrap_or_else(|error| {
            tracing::debug!(%error, "the peppers cannot be compared with the store's");
            Told::Unavailable
        });
        if self.told.as_ref() == Some(&told) {
            return;
        }
        match &told {
            Told::Minting(pepper) => tracing::info!(pepper = pepper.as_str(), "the pepper for new keys"),
            Told::Waiting(pepper) => tracing::warn!(
                pepper = pepper.as_str(),
                "an older pepper makes new keys until every server has the newest"
            ),
            Told::Fault(fault) => {
                tracing::error!(%fault, "not ready: the peppers are not those that the store's keys need");
            }
            Told::Unavailable => tracing::warn!("the peppers cannot be compared with the store's"),
        }
        self.told = Some(told);
    }

    async fn outcome(&mut self) -> Result<Told, Unavailable> {
        let mut recorded = self.announce().await?;
        // An import may have ended since the feed was read. The keys that it has brought must not be called unknown
        // by what was remembered before: as long as the peppers are not taken for right, no key is.
        if self.peppers.minting().is_none() && self.peppers.fit(&recorded) {
            self.cache.clear();
        }
        if let Err(fault) = self.peppers.compare(&recorded) {
            return Ok(Told::Fault(fault));
        }
        if !self.turn_taken
            && let Some(newest) = self.peppers.newest()
        {
            self.turn_taken = last_turn(&recorded) == Some(newest)
                || self.store.take_turn(self.replica, newest.clone()).await?;
            recorded = self.announce().await?;
        }
        Ok(match self.peppers.compare(&recorded) {
            Ok(minting) if self.turn_taken => Told::Minting(minting.clone()),
            Ok(minting) => Told::Waiting(minting.clone()),
            Err(fault) => Told::Fault(fault),
        })
    }

    /// What is recorded. What somebody else records at the same moment is seen by the second look.
    async fn announce(&self) -> Result<Vec<RecordedPepper>, Unavailable> {
        let own = self.peppers.checks();
        let recorded = self.store.announce_peppers(self.replica, own.clone()).await?;
        let complete = own.iter().all(|own| recorded.iter().any(|one| one.check.id == own.id));
        if complete { Ok(recorded) } else { self.store.announce_peppers(self.replica, own).await }
    }

    /// Counts the keys that are refused because their pepper is not configured.
    async fn count(&self) {
        let listed = match self.list(SystemClock.now()).await {
            Ok(listed) => listed,
            Err(error) => return tracing::warn!(%error, "the keys of each pepper were not counted"),
        };
        let missing: Vec<_> =
            listed.iter().filter(|(_, one)| !one.configured && one.active_keys > 0).collect();
        let keys: u64 = missing.iter().map(|(_, one)| one.active_keys).sum();
        self.missing.store(keys, Ordering::Relaxed);
        for (id, one) in missing {
            tracing::warn!(
                pepper = id.as_str(),
                keys = one.active_keys,
                "active keys are refused: their pepper is not configured"
            );
        }
    }

    /// Every pepper that is configured, recorded or needed by a key that is good at `at`.
    pub(crate) async fn list(&self, at: Timestamp) -> Result<BTreeMap<PepperId, Listed>, Unavailable> {
        let mut listed: BTreeMap<PepperId, Listed> = BTreeMap::new();
        for own in self.peppers.checks() {
            listed.entry(own.id).or_default().configured = true;
        }
        for used in self.store.count_pepper_uses(at).await? {
            listed.entry(used.id).or_default().active_keys = used.active_keys;
        }
        if let Some(minting) = self.peppers.minting() {
            listed.entry(minting.clone()).or_default().makes_new_keys = true;
        }
        Ok(listed)
    }
}

fn last_turn(recorded: &[RecordedPepper]) -> Option<&PepperId> {
    RecordedPepper::of_last_turn(recorded).map(|one| &one.check.id)
}
