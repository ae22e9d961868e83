//! One schedule: a change, a poller, verdicts and the time on tasks of their own.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use capykeys_domain::ports::{Change, FoundKey, KeyResolver, ResolvedKey, Unavailable};
use shuttle::future::spawn;

use super::{
    Tally, Violation, below, one_in,
    store::{Clock, REPLICA, Store, pause},
};
use crate::{BootClock, BootTime, CacheSettings, VerificationCache, sync::within};

const VERIFIERS: usize = 3;
const VERDICTS: usize = 8;
const POLLS: usize = 10;
/// The organization is suspended and resumed in turn; at last the key is revoked.
const CHANGES: usize = 7;
/// A lease is 500 ms.
const STEPS: usize = 8;

/// From one change to the next.
#[derive(Clone, Copy, Default)]
struct Era {
    number: usize,
    /// Since when the key is not good.
    since: Option<BootTime>,
    /// Whether the change may be acknowledged: the cache has been told of it and has come back, or is not
    /// waited for.
    told: bool,
}

pub(super) struct World {
    /// Whether this replica follows the feed; else it has no lease, and nobody waits for it.
    follows: bool,
    cache: VerificationCache,
    store: Arc<Store>,
    clock: Arc<Clock>,
    key: FoundKey,
    era: Mutex<Era>,
    seen: Mutex<(Tally, Option<Violation>)>,
}

impl World {
    pub(super) async fn run() -> Result<Tally, Violation> {
        let (store, clock) = (Arc::new(Store::new()), Arc::new(Clock::default()));
        let cache = VerificationCache::with_clock(
            CacheSettings::default(),
            REPLICA,
            store.ports(store.clone()),
            Arc::clone(&clock) as _,
        );
        let follows = !one_in(4);
        let _ = if follows {
            // Most of the time there is a lease.
            cache.0.catch_up().await
        } else {
            cache.0.register().await
        };
        let world = Arc::new(Self {
            follows,
            cache,
            key: store.key(),
            store,
            clock,
            era: Mutex::default(),
            seen: Mutex::default(),
        });
        let mut tasks = vec![
            spawn(Arc::clone(&world).change()),
            spawn(Arc::clone(&world).follow()),
            spawn(Arc::clone(&world).pass_time()),
        ];
        tasks.extend((0..VERIFIERS).map(|_| spawn(Arc::clone(&world).verify())));
        for task in tasks {
            task.await.unwrap();
        }
        world.conclude()
    }

    /// As the replica that makes the changes, or as the others, which hear of them by the feed alone.
    async fn change(self: Arc<Self>) {
        let (key, organization) = (self.key.key.id, self.key.organization.id);
        for number in 1..=CHANGES {
            pauses(below(12)).await;
            let change = match number {
                CHANGES => Change::Key(key),
                _ => Change::Organization(organization),
            };
            self.store.commit(change);
            let since = (!accepts(&self.store.key())).then(|| self.clock.now());
            *self.era() = Era { number, since, told: !self.follows };
            if one_in(2) || !self.follows {
                continue;
            }
            pause().await;
            let _ = self.cache.invalidate(change);
            self.era().told = true;
        }
    }

    fn era(&self) -> MutexGuard<'_, Era> {
        self.era.lock().unwrap()
    }

    async fn follow(self: Arc<Self>) {
        let polls = if self.follows { POLLS } else { 0 };
        for _ in 0..polls {
            let before = self.era().number;
            let polled = self.cache.0.catch_up().await;
            if polled.is_ok() {
                let mut era = self.era();
                era.told |= era.number == before;
                self.seen.lock().unwrap().0.polls += 1;
            }
            pause().await;
        }
    }

    async fn pass_time(self: Arc<Self>) {
        let (between, step) = (below(8), 100 + below(500));
        for _ in 0..STEPS {
            pauses(between).await;
            self.clock.go_on(step);
        }
    }

    async fn verify(self: Arc<Self>) {
        for _ in 0..VERDICTS {
            pause().await;
            let before = *self.era();
            let find = self.cache.resolve(std::slice::from_ref(&self.key.digest), Duration::ZERO);
            // Who asks may go away at any time.
            let verdict = if one_in(4) { within(Duration::ZERO, find).await } else { Some(find.await) };
            self.judge(&before, verdict);
        }
    }

    /// Before any other task goes on.
    fn judge(&self, before: &Era, verdict: Option<Result<ResolvedKey, Unavailable>>) {
        let (now, era) = (self.clock.now(), self.era());
        let mut seen = self.seen.lock().unwrap();
        let (tally, violation) = &mut *seen;
        match verdict {
            Some(Ok(resolved)) if resolved.found.as_deref().is_some_and(accepts) => tally.accepted += 1,
            Some(Ok(_)) => return tally.refused += 1,
            Some(Err(_)) => return tally.failed += 1,
            None => return tally.given_up += 1,
        }
        let Some(since) = era.since else { return };
        tally.accepted_within_lease += 1;
        if now.since(since) >= self.cache.settings().lease {
            violation.get_or_insert(Violation::AcceptedTooLate);
        }
        if before.told && before.number == era.number {
            violation.get_or_insert(Violation::AcceptedAfterTold);
        }
    }

    fn conclude(&self) -> Result<Tally, Violation> {
        let (mut tally, violation) = *self.seen.lock().unwrap();
        tally.reads = self.store.reads();
        if let Some(violation) = violation {
            return Err(violation);
        }
        if self.cache.0.flights.len() + self.cache.0.read().reads_in_flight() > 0 {
            return Err(Violation::LeftBehind);
        }
        Ok(tally)
    }
}

async fn pauses(count: u64) {
    for _ in 0..count {
        pause().await;
    }
}

fn accepts(found: &FoundKey) -> bool {
    found.key.revoked_at.is_none() && !found.organization.is_suspended()
}
