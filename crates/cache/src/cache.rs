//! The cache as the service uses it: the machine behind a lock, with a clock and a store.

use std::{
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use capykeys_domain::{
    model::Timestamp,
    ports::{
        Change, ChangeFeed, KeyLookup, KeyResolver, ReplicaId, ReplicaRegistry, ResolvedKey, Unavailable,
    },
    secret::KeyDigest,
};
use scopeguard::{ScopeGuard, guard};

use crate::{
    Answer, BootClock, BootTime, CacheSettings, DEPENDENCY, SystemBootClock,
    machine::{Machine, SentRead},
    operation::ask,
    single_flight::{Flight, Landing, Outcome, SingleFlight},
    sync::{RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// How often a key is read for one question at most, where it is changed during every read.
const ATTEMPTS: usize = 3;

/// A [`KeyResolver`] with a memory, over a [`KeyLookup`]. See the crate for what it promises.
///
/// Until [`VerificationCache::run`] or [`VerificationCache::spawn`] follows the feed there is no
/// lease, and every lookup is a read of the store. Clones share everything.
#[derive(Clone)]
pub struct VerificationCache(pub(crate) Arc<Inner>);

/// The store that a cache is in front of, as the ports that it needs.
#[derive(Clone)]
pub struct CachedStore {
    /// Where keys are read.
    pub lookup: Arc<dyn KeyLookup>,
    /// What changes there.
    pub feed: Arc<dyn ChangeFeed>,
    /// Where this replica is registered.
    pub registry: Arc<dyn ReplicaRegistry>,
}

pub(crate) struct Inner {
    machine: RwLock<Machine>,
    /// What the machine says of keys that were brought: asked for each text that comes, and not worth its lock.
    brought: AtomicBool,
    pub(crate) flights: Arc<SingleFlight>,
    pub(crate) id: ReplicaId,
    pub(crate) store: CachedStore,
    pub(crate) clock: Arc<dyn BootClock>,
    pub(crate) settings: CacheSettings,
    hits: AtomicU64,
    reads: AtomicU64,
    pub(crate) replicas: AtomicUsize,
    pub(crate) lost: AtomicU64,
}

/// What the cache holds, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheStatus {
    /// How many keys.
    pub keys: usize,
    /// How many digests that the store has no key for.
    pub absent: usize,
    /// What is left of the lease; `None` where there is none.
    pub lease_remaining: Option<Duration>,
    /// How old what it knows of the feed is: the time since the last poll that gave a lease was sent. `None`
    /// before the first.
    pub feed_lag: Option<Duration>,
    /// How many replicas are registered, as read last; 0 before the first time.
    pub replicas: usize,
    /// How many changes the store has lost that this replica had read, as far as it can be told: a failover to a
    /// standby that was behind loses them. Since the start.
    pub lost_changes: u64,
    /// How many lookups were answered from memory since the start.
    pub hits: u64,
    /// How often the store was read since the start.
    pub reads: u64,
}

impl Inner {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Machine> {
        // A panic under the lock leaves nothing behind that could be believed too long: a lease is
        // given last, after everything else is in place.
        self.machine.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Machine> {
        self.machine.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// While the machine is locked: whoever sees that it was told of such a key sees this too.
    pub(crate) fn note_brought(&self, machine: &Machine) {
        self.brought.store(machine.may_know_brought(), Ordering::Release);
    }

    /// Why there is no verdict, though the store has answered.
    pub(crate) fn outdated(&self, what: &str) -> Unavailable {
        let until = self.read().registered_until();
        let why = if self.clock.now() < until {
            "every answer was outdated when it came"
        } else {
            "the store has committed nothing of this server lately: it may have been replaced"
        };
        Unavailable::new(DEPENDENCY, format_args!("{what}: {why}"))
    }

    /// A read is about to be sent. It is given up where the guard is dropped.
    pub(crate) fn begin_read(&self, now: BootTime) -> ScopeGuard<SentRead, impl FnOnce(SentRead) + '_> {
        guard(self.write().begin_read(now), |read| self.write().abandon_read(&read))
    }

    /// Reads the store. From the moment that the answer is there, nobody may join.
    async fn fly(self: Arc<Self>, landing: Landing, digests: Vec<KeyDigest>) -> Outcome {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let now = self.clock.now();
        let read = self.begin_read(now);
        let finding = self.store.lookup.find_key_by_digest(&digests);
        let found = ask("find_key_by_digest", self.settings.lease, finding).await;
        drop(landing);
        let found = found?;
        Ok(self.write().end_read(&ScopeGuard::into_inner(read), &digests, found))
    }
}

impl VerificationCache {
    /// A cache with the system's clock, for the replica `id`, which nobody else may be.
    #[must_use]
    pub fn new(settings: CacheSettings, id: ReplicaId, store: CachedStore) -> Self {
        Self::with_clock(settings, id, store, Arc::new(SystemBootClock))
    }

    /// A cache with a clock of the caller's.
    #[must_use]
    pub fn with_clock(
        settings: CacheSettings,
        id: ReplicaId,
        store: CachedStore,
        clock: Arc<dyn BootClock>,
    ) -> Self {
        let machine = Machine::new(&settings);
        let brought = AtomicBool::new(machine.may_know_brought());
        let machine = RwLock::new(machine);
        let (flights, hits, reads) = (Arc::default(), AtomicU64::new(0), AtomicU64::new(0));
        let (replicas, lost) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self(Arc::new(Inner {
            machine,
            brought,
            flights,
            id,
            store,
            clock,
            settings,
            hits,
            reads,
            replicas,
            lost,
        }))
    }

    /// The key stored under one of `digests`, and until when that may be acted on: from the cache
    /// while there is a lease, else from the store. Of the same digests there is one read under way, and
    /// one that waits for its end.
    ///
    /// Whoever asks says for how long they would act on the answer without asking again, and is told
    /// with it until when they may ([`Answer::kept_until`]).
    ///
    /// # Errors
    /// [`Unavailable`] where the store had to be read and did not answer within the lease.
    pub async fn find(&self, digests: &[KeyDigest], keep: Duration) -> Result<Answer, Unavailable> {
        if digests.is_empty() {
            let until = self.0.clock.now().after(self.0.settings.lease);
            return Ok(Answer { found: None, until, kept_until: BootTime::START });
        }
        if let Some(answer) = self.recall(digests, keep) {
            return Ok(answer);
        }
        for _ in 0..ATTEMPTS {
            let reading = self.flight(digests).await;
            let reading = reading.map_err(|error| Unavailable::new(DEPENDENCY, error))?;
            let machine = self.0.read();
            let now = self.0.clock.now();
            if let Some(answer) = machine.conclude(&reading, digests, kept_from(now, keep), now) {
                return Ok(answer);
            }
        }
        Err(self.0.outdated("lookup"))
    }

    fn recall(&self, digests: &[KeyDigest], keep: Duration) -> Option<Answer> {
        let keep = kept_from(if keep.is_zero() { BootTime::START } else { self.now() }, keep);
        let answer = self.0.read().recall(digests, keep)?;
        answer.remaining(self.0.clock.now())?;
        self.0.hits.fetch_add(1, Ordering::Relaxed);
        Some(answer)
    }

    fn flight(&self, digests: &[KeyDigest]) -> Flight {
        // Whoever asks after a change was acknowledged must not be given a read that began before it.
        // While there is a lease, this replica has applied the change by then, and no read from before
        // it passes the fence. Without a lease nobody may have waited for this replica: then only a read
        // that begins from now on will do.
        let any = self.lease_remaining().is_some();
        let (inner, all) = (Arc::clone(&self.0), digests.to_vec());
        self.0.flights.join_or_start(digests, any, |landing| inner.fly(landing, all))
    }

    /// What is left of the lease; `None` where there is none and every lookup is a read of the store.
    #[must_use]
    pub fn lease_remaining(&self) -> Option<Duration> {
        let until = self.0.read().lease_until();
        let now = self.now();
        (now < until).then(|| until.since(now))
    }

    /// What the cache's clock shows, to be compared with [`Answer::until`].
    #[must_use]
    pub fn now(&self) -> BootTime {
        self.0.clock.now()
    }

    /// The store's time, as it was told at the last poll, and what has passed since; `None` before
    /// the first poll. Never behind the store's clock; ahead of it by at most the time that a poll
    /// takes, so that a key expires early by that rather than late.
    #[must_use]
    pub fn store_now(&self) -> Option<Timestamp> {
        let machine = self.0.read();
        machine.store_now(self.0.clock.now())
    }

    /// Applies a change of this replica's own: to be called after the commit and before the answer, so
    /// that whoever asked for the change sees it here at once. Returns until when somebody may still act
    /// on a verdict from before it that they were told they may keep.
    #[must_use = "who keeps a verdict from before has to be waited for"]
    pub fn invalidate(&self, change: Change) -> BootTime {
        let mut machine = self.0.write();
        machine.apply(&[change]);
        self.0.note_brought(&machine);
        machine.kept_until()
    }

    /// Drops everything, the negative cache too, and lets no read that is in flight into it: after an import.
    pub fn clear(&self) {
        self.0.write().clear();
    }

    /// What the cache holds right now.
    #[must_use]
    pub fn status(&self) -> CacheStatus {
        let (keys, absent) = self.0.read().sizes();
        let polled = self.0.read().polled();
        CacheStatus {
            keys,
            absent,
            lease_remaining: self.lease_remaining(),
            feed_lag: polled.map(|polled| self.now().since(polled)),
            replicas: self.0.replicas.load(Ordering::Relaxed),
            lost_changes: self.0.lost.load(Ordering::Relaxed),
            hits: self.0.hits.load(Ordering::Relaxed),
            reads: self.0.reads.load(Ordering::Relaxed),
        }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &CacheSettings {
        &self.0.settings
    }
}

/// Until when who asks at `now` may keep the answer; `None` where they ask each time.
fn kept_from(now: BootTime, keep: Duration) -> Option<BootTime> {
    (!keep.is_zero()).then(|| now.after(keep))
}

#[async_trait]
impl KeyResolver for VerificationCache {
    async fn resolve(&self, digests: &[KeyDigest], keep: Duration) -> Result<ResolvedKey, Unavailable> {
        for _ in 0..ATTEMPTS {
            let answer = self.find(digests, keep).await?;
            // Once more, as the last thing: the process may have been stopped since.
            let now = self.now();
            if answer.remaining(now).is_some() {
                return Ok(ResolvedKey { reliable_for: answer.keepable(now), found: answer.found });
            }
        }
        Err(self.0.outdated("lookup"))
    }

    fn may_know_brought(&self) -> bool {
        self.0.brought.load(Ordering::Acquire)
    }
}
