//! A store with one key, and the clock. Both take their time, and neither is a place at which tasks
//! change but where it says so.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::Suspension,
    ports::{
        Change, ChangeFeed, FeedHead, FeedPosition, FeedProgress, FeedQuery, FoundKey, KeyLookup, Poll,
        Registry, ReplicaId, ReplicaRegistry, Unavailable,
    },
    secret::KeyDigest,
};
use shuttle::future::yield_now;

use super::one_in;
use crate::{BootClock, BootTime, CachedStore};

pub(super) const REPLICA: ReplicaId = ReplicaId([1; 16]);

/// For others to go on, some number of times.
pub(super) async fn pause() {
    while !one_in(3) {
        yield_now().await;
    }
}

/// A clock that is moved by hand.
#[derive(Default)]
pub(super) struct Clock(AtomicU64);

impl Clock {
    pub(super) fn go_on(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl BootClock for Clock {
    fn now(&self) -> BootTime {
        BootTime::new(Duration::from_millis(self.0.load(Ordering::SeqCst)))
    }
}

struct State {
    key: FoundKey,
    changes: Vec<Change>,
    reads: u64,
    registered: bool,
}

pub(super) struct Store(Mutex<State>);

impl Store {
    pub(super) fn new() -> Self {
        let organization = fixtures::organization(fixtures::at(0));
        let new = fixtures::key(organization.id, fixtures::at(0));
        let key = FoundKey { digest: new.digest, previous_digest: None, key: new.key, organization };
        Self(Mutex::new(State { key, changes: Vec::new(), reads: 0, registered: false }))
    }

    /// As the ports that a cache needs, with reads that go to `lookup`.
    pub(super) fn ports(self: &Arc<Self>, lookup: Arc<dyn KeyLookup>) -> CachedStore {
        CachedStore { lookup, feed: self.clone(), registry: self.clone() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn key(&self) -> FoundKey {
        self.state().key.clone()
    }

    pub(super) fn reads(&self) -> u64 {
        self.state().reads
    }

    /// Revokes the key, or suspends its organization or resumes it.
    pub(super) fn commit(&self, change: Change) {
        let mut state = self.state();
        let at = fixtures::at(1);
        match change {
            Change::Key(_) => state.key.key.revoked_at = Some(at),
            Change::Organization(_) => {
                let resumed = state.key.organization.suspension.take().is_some();
                state.key.organization.suspension = (!resumed).then_some(Suspension { at, reason: None });
            }
        }
        state.changes.push(change);
    }
}

impl State {
    fn head(&self) -> FeedHead {
        let sequence = fixtures::sequence(i64::try_from(self.changes.len()).unwrap());
        let position = FeedPosition { sequence, mark: [0; 16], epoch: [0; 16] };
        FeedHead { position, store_time: fixtures::at(0), registered: self.registered }
    }
}

#[async_trait]
impl KeyLookup for Store {
    async fn find_key_by_digest(&self, digests: &[KeyDigest]) -> Result<Option<FoundKey>, Unavailable> {
        self.state().reads += 1;
        pause().await;
        let key = Some(self.key()).filter(|key| digests.contains(&key.digest));
        pause().await;
        Ok(key)
    }
}

#[async_trait]
impl ChangeFeed for Store {
    async fn feed_head(&self, _: ReplicaId) -> Result<FeedHead, Unavailable> {
        pause().await;
        let head = self.state().head();
        pause().await;
        Ok(head)
    }

    async fn poll_changes(&self, query: FeedQuery) -> Result<Poll, Unavailable> {
        pause().await;
        let (head, changes) = {
            let state = self.state();
            (state.head(), state.changes[usize::try_from(query.after.sequence.get()).unwrap()..].to_vec())
        };
        pause().await;
        let FeedHead { position, store_time, registered } = head;
        Ok(Poll::Changes { changes, position, complete: true, store_time, registered })
    }
}

/// Knows one replica, and whether it has registered.
#[async_trait]
impl ReplicaRegistry for Store {
    async fn register_replica(&self, _: ReplicaId, _: Duration) -> Result<(), Unavailable> {
        self.state().registered = true;
        Ok(())
    }

    async fn confirm_progress(&self, _: ReplicaId, _: FeedProgress) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn read_registry(&self) -> Result<Registry, Unavailable> {
        Err(Unavailable::new("store", "not here"))
    }

    async fn retire_replica(&self, _: ReplicaId, _: i64) -> Result<bool, Unavailable> {
        Ok(false)
    }

    async fn forget_replica(&self, _: ReplicaId, _: i64) -> Result<(), Unavailable> {
        Ok(())
    }
}
