//! A store that can be broken, and a boot clock that can sleep.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use capykeys_cache::{BootClock, BootTime, CachedStore};
use capykeys_conformance::{fixtures, model::ModelStore};
use capykeys_domain::{
    model::{Organization, OrganizationId},
    ports::{
        Change, ChangeFeed, FeedHead, FeedPosition, FeedProgress, FeedQuery, FoundKey, KeyLookup, Poll,
        Registry, ReplicaId, ReplicaRegistry, Unavailable,
    },
    secret::KeyDigest,
};
use tokio::time::{Instant, sleep};

/// Goes as tokio's clock does, and on its own while the machine "sleeps".
pub(crate) struct FakeBootClock {
    start: Instant,
    slept: Mutex<Duration>,
}

impl FakeBootClock {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), slept: Mutex::default() }
    }

    pub(crate) fn sleep(&self, time: Duration) {
        *self.slept.lock().unwrap() += time;
    }
}

impl BootClock for FakeBootClock {
    fn now(&self) -> BootTime {
        BootTime::new(self.start.elapsed() + *self.slept.lock().unwrap())
    }
}

/// A digest that no store has a key for, nor its neighbours anything in common with.
pub(crate) fn random(number: u64) -> KeyDigest {
    let mut bytes = [0xff; 32];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    fixtures::digest(bytes)
}

/// What can hang.
const FEED: usize = 0;
const REGISTRY: usize = 1;

#[derive(Default)]
struct State {
    keys: HashMap<[u8; 32], FoundKey>,
    changes: Vec<Change>,
    mark: u8,
    reads: u64,
    lookup_broken: bool,
    feed_broken: bool,
    hanging: [bool; 2],
    delay: Duration,
    registration_delay: Duration,
    registration_broken: bool,
    registrations: u64,
}

/// The replica of a test with one.
pub(crate) const REPLICA: ReplicaId = ReplicaId([1; 16]);

#[derive(Default)]
pub(crate) struct FakeStore {
    state: Mutex<State>,
    replicas: ModelStore,
}

impl FakeStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn ports(self: &Arc<Self>) -> CachedStore {
        CachedStore { lookup: self.clone(), feed: self.clone(), registry: self.clone() }
    }

    /// Adds a key of an organization of its own.
    pub(crate) fn add_key(&self) -> KeyDigest {
        self.add(fixtures::organization(fixtures::at(0)))
    }

    pub(crate) fn add_key_of(&self, id: OrganizationId) -> KeyDigest {
        self.add(Organization { id, ..fixtures::organization(fixtures::at(0)) })
    }

    fn add(&self, organization: Organization) -> KeyDigest {
        let new = fixtures::key(organization.id, fixtures::at(0));
        let found =
            FoundKey { digest: new.digest.clone(), previous_digest: None, key: new.key, organization };
        self.state().keys.insert(*new.digest.as_bytes(), found);
        new.digest
    }

    pub(crate) fn revoke(&self, digest: &KeyDigest) -> Change {
        let mut state = self.state();
        let found = state.keys.get_mut(digest.as_bytes()).unwrap();
        found.key.revoked_at = Some(fixtures::at(1));
        let change = Change::Key(found.key.id);
        state.changes.push(change);
        change
    }

    /// Everybody who is registered.
    pub(crate) async fn replicas(&self) -> Vec<ReplicaId> {
        let registry = self.replicas.read_registry().await.unwrap();
        registry.replicas.iter().map(|replica| replica.id).collect()
    }

    /// As the others do with a replica that is gone.
    pub(crate) async fn forget(&self, id: ReplicaId) {
        let registry = self.replicas.read_registry().await.unwrap();
        let replica = registry.replicas.iter().find(|replica| replica.id == id).unwrap();
        assert!(self.replicas.retire_replica(id, replica.renewals).await.unwrap());
        self.replicas.forget_replica(id, replica.renewals).await.unwrap();
    }

    pub(crate) fn tell(&self, change: Change) {
        self.state().changes.push(change);
    }

    pub(crate) fn diverge(&self) {
        self.lose(0);
    }

    /// As in a failover to a store that lacks so many of the last changes.
    pub(crate) fn lose(&self, changes: usize) {
        let mut state = self.state();
        state.mark += 1;
        let left = state.changes.len() - changes;
        state.changes.truncate(left);
    }

    pub(crate) fn reads(&self) -> u64 {
        self.state().reads
    }

    pub(crate) fn break_lookup(&self, broken: bool) {
        self.state().lookup_broken = broken;
    }

    pub(crate) fn break_feed(&self, broken: bool) {
        self.state().feed_broken = broken;
    }

    pub(crate) fn hang_feed(&self, hangs: bool) {
        self.state().hanging[FEED] = hangs;
    }

    pub(crate) fn hang_registry(&self, hangs: bool) {
        self.state().hanging[REGISTRY] = hangs;
    }

    pub(crate) fn delay_lookup(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// From now on registrations are committed at once, and their answers late.
    pub(crate) fn delay_registration(&self, delay: Duration) {
        self.state().registration_delay = delay;
    }

    /// What is registered stays so, and no renewal is committed.
    pub(crate) fn break_registration(&self, broken: bool) {
        self.state().registration_broken = broken;
    }

    pub(crate) fn registrations(&self) -> u64 {
        self.state().registrations
    }

    async fn feed(&self) -> Result<(), Unavailable> {
        let broken = self.state().feed_broken;
        let hangs = self.state().hanging[FEED];
        if hangs {
            std::future::pending::<()>().await;
        }
        if broken { Err(Unavailable::new("store", "57P01")) } else { Ok(()) }
    }
}

impl State {
    fn head(&self, sequence: usize) -> FeedPosition {
        let sequence = fixtures::sequence(i64::try_from(sequence).unwrap());
        FeedPosition { sequence, mark: [self.mark; 16], epoch: [0; 16] }
    }

    fn end(&self, registered: bool) -> FeedHead {
        FeedHead { position: self.head(self.changes.len()), store_time: fixtures::at(0), registered }
    }
}

#[async_trait]
impl KeyLookup for FakeStore {
    async fn find_key_by_digest(&self, digests: &[KeyDigest]) -> Result<Option<FoundKey>, Unavailable> {
        let (answer, delay) = {
            let mut state = self.state();
            state.reads += 1;
            if state.lookup_broken {
                return Err(Unavailable::new("store", "57P01"));
            }
            let found = digests.iter().find_map(|digest| state.keys.get(digest.as_bytes()).cloned());
            (found, state.delay)
        };
        // The answer is of the moment when it was read, however late it comes.
        if !delay.is_zero() {
            sleep(delay).await;
        }
        Ok(answer)
    }
}

#[async_trait]
impl ChangeFeed for FakeStore {
    async fn feed_head(&self, reader: ReplicaId) -> Result<FeedHead, Unavailable> {
        self.feed().await?;
        let registered = self.replicas.feed_head(reader).await?.registered;
        Ok(self.state().end(registered))
    }

    async fn poll_changes(&self, query: FeedQuery) -> Result<Poll, Unavailable> {
        let end = self.feed_head(query.reader).await?;
        let (store_time, registered) = (end.store_time, end.registered);
        let state = self.state();
        if query.after.mark != [state.mark; 16] {
            return Ok(Poll::Diverged(end));
        }
        let from = usize::try_from(query.after.sequence.get()).unwrap();
        let limit = query.limit.get().into();
        let changes: Vec<_> = state.changes[from..].iter().take(limit).copied().collect();
        let read = from + changes.len();
        let complete = read == state.changes.len();
        Ok(Poll::Changes { changes, position: state.head(read), complete, store_time, registered })
    }
}

#[async_trait]
impl ReplicaRegistry for FakeStore {
    async fn register_replica(&self, id: ReplicaId, lease: Duration) -> Result<(), Unavailable> {
        let (delay, broken) = {
            let mut state = self.state();
            state.registrations += 1;
            (state.registration_delay, state.registration_broken)
        };
        if broken {
            return Err(Unavailable::new("store", "no standby"));
        }
        let outcome = self.replicas.register_replica(id, lease).await;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        outcome
    }

    async fn confirm_progress(&self, id: ReplicaId, progress: FeedProgress) -> Result<(), Unavailable> {
        self.feed().await?;
        self.replicas.confirm_progress(id, progress).await
    }

    async fn read_registry(&self) -> Result<Registry, Unavailable> {
        let hangs = self.state().hanging[REGISTRY];
        if hangs {
            std::future::pending::<()>().await;
        }
        let replicas = self.replicas.read_registry().await?.replicas;
        Ok(Registry { head: self.state().end(true).position.into(), replicas })
    }

    async fn retire_replica(&self, id: ReplicaId, renewals: i64) -> Result<bool, Unavailable> {
        self.replicas.retire_replica(id, renewals).await
    }

    async fn forget_replica(&self, id: ReplicaId, renewals: i64) -> Result<(), Unavailable> {
        self.replicas.forget_replica(id, renewals).await
    }
}
