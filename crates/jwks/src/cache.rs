//! Key sets that are fetched, kept, and fetched again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use capykeys_domain::{
    model::Timestamp,
    ports::{Clock, Unavailable},
};
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, timeout, timeout_at},
};
use tracing::Instrument;

use crate::{
    algorithm::Algorithm,
    fetch::{FetchError, FetchJwks},
    location::{Location, LocationError},
    measures,
    set::{KeySet, KeySetError},
};

/// How long a set is used without a question.
const FRESH: Duration = Duration::from_mins(5);
/// How long a set is used while no newer one can be had.
const USABLE: Duration = Duration::from_hours(1);
/// How long one fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a request waits for fetches, all in all: every port answers within about a second.
const PATIENCE: Duration = Duration::from_millis(900);
/// Between two fetches that tokens provoke, and after a failed one.
const COOLDOWN: Duration = Duration::from_secs(30);
/// After a failed fetch with no usable set at hand: every token is waiting for the next one.
const RETRY: Duration = Duration::from_secs(5);

/// The key set of one issuer.
///
/// A set is replaced as a whole. One fetch runs at a time, on a runtime of its own choice, so that
/// neither a dropped request nor a busy worker stops it; all who need it wait for that one.
pub(crate) struct KeyCache {
    shared: Arc<Shared>,
}

/// What the keys of all issuers work with.
#[derive(Clone)]
pub(crate) struct Environment {
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Who fetches key sets.
    pub(crate) fetcher: Arc<dyn FetchJwks>,
    /// Where they are fetched. Its I/O and its timer must be enabled.
    pub(crate) runtime: Handle,
    /// The algorithms that keys are accepted for.
    pub(crate) algorithms: &'static [Algorithm],
    /// What [`Unavailable`] names where keys cannot be had, such as `"clerk"`.
    pub(crate) dependency: &'static str,
}

struct Shared {
    location: Location,
    environment: Environment,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    fetched: Option<Fetched>,
    cooldown: Option<Cooldown>,
    /// Ends when the fetch does, whatever becomes of it.
    running: Option<watch::Receiver<()>>,
}

struct Fetched {
    keys: Arc<KeySet>,
    at: Timestamp,
}

struct Cooldown {
    since: Timestamp,
    length: Duration,
}

/// What a fetch is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// There is no set, or it is due for renewal.
    Due,
    /// A token that the current set does not verify. Anybody can send one, so that this fetch
    /// leaves the cooldown in place even where it succeeds.
    Token,
}

#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error(transparent)]
    Fetch(#[from] LocationError),
    #[error(transparent)]
    KeySet(#[from] KeySetError),
}

impl KeyCache {
    pub(crate) fn new(location: Location, environment: Environment) -> Self {
        let shared = Arc::new(Shared { location, environment, state: Mutex::default() });
        measures::observe(&shared.location.shown(), Arc::downgrade(&shared), Shared::age);
        Self { shared }
    }

    /// Starts to fetch the set where there is none yet. Does not wait for it.
    pub(crate) fn warm_up(&self) {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        if state.younger_than(FRESH, now).is_none() {
            self.shared.start(&mut state, Cause::Due, now);
        }
    }

    /// Until when a request that begins now waits for fetches.
    pub(crate) fn deadline() -> Instant {
        Instant::now() + PATIENCE
    }

    /// A usable set; waits only where there is none.
    pub(crate) async fn current(&self, deadline: Instant) -> Result<Arc<KeySet>, Unavailable> {
        let running = {
            let now = self.shared.now();
            let mut state = self.shared.lock();
            if let Some(keys) = state.younger_than(FRESH, now) {
                return Ok(keys);
            }
            let running = self.shared.start(&mut state, Cause::Due, now);
            if let Some(keys) = state.younger_than(USABLE, now) {
                return Ok(keys);
            }
            running
        };
        if let Some(running) = running {
            self.shared.wait(running, deadline).await?;
        }
        let now = self.shared.now();
        let keys = self.shared.lock().younger_than(USABLE, now);
        keys.ok_or_else(|| self.shared.unavailable("there are no signing keys: fetching them failed"))
    }

    /// A set that is newer than `seen`; `None` where none can be had, and `seen` decides.
    pub(crate) async fn newer_than(
        &self,
        seen: &Arc<KeySet>,
        deadline: Instant,
    ) -> Result<Option<Arc<KeySet>>, Unavailable> {
        let running = {
            let now = self.shared.now();
            let mut state = self.shared.lock();
            if let Some(newer) = state.other_than(seen) {
                return Ok(Some(newer));
            }
            self.shared.start(&mut state, Cause::Token, now)
        };
        let Some(running) = running else { return Ok(None) };
        self.shared.wait(running, deadline).await?;
        Ok(self.shared.lock().other_than(seen))
    }
}

impl Shared {
    fn now(&self) -> Timestamp {
        self.environment.clock.now()
    }

    /// How old the set is.
    fn age(&self) -> Option<Duration> {
        self.lock().fetched.as_ref().map(|fetched| self.now().since(fetched.at))
    }

    fn unavailable(&self, reason: &'static str) -> Unavailable {
        Unavailable::new(self.environment.dependency, reason)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change of the state is one assignment: a panic elsewhere leaves none half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fetch that runs, or a new one; `None` during the cooldown.
    fn start(
        self: &Arc<Self>,
        state: &mut State,
        cause: Cause,
        now: Timestamp,
    ) -> Option<watch::Receiver<()>> {
        if let Some(running) = state.running.as_ref().filter(|running| running.has_changed().is_ok()) {
            return Some(running.clone());
        }
        if state.cooldown.as_ref().is_some_and(|cooldown| cooldown.covers(now)) {
            return None;
        }
        // Claimed before the fetch, so that it holds whatever becomes of it: only a due renewal
        // that succeeds lifts it again.
        state.cool_down(now);
        let (done, running) = watch::channel(());
        state.running = Some(running.clone());
        let shared = Arc::clone(self);
        let refreshing = async move {
            shared.refresh(cause).await;
            drop(done);
        };
        self.environment.runtime.spawn(refreshing.instrument(measures::fetch_span(&self.location.shown())));
        Some(running)
    }

    async fn refresh(&self, cause: Cause) {
        let outcome = self.fetch().await;
        let now = self.now();
        let mut state = self.lock();
        match outcome {
            Ok(keys) => {
                tracing::debug!(url = %self.location.shown(), keys = keys.len(), "fetched the signing keys");
                state.fetched = Some(Fetched { keys: Arc::new(keys), at: now });
                if cause == Cause::Due {
                    state.cooldown = None;
                }
            }
            Err(error) => {
                measures::count_failures(&self.location.shown(), 1);
                tracing::warn!(url = %self.location.shown(), %error, "could not fetch the signing keys");
            }
        }
    }

    async fn fetch(&self) -> Result<KeySet, RefreshError> {
        let answer = timeout(FETCH_TIMEOUT, self.location.fetch(&*self.environment.fetcher)).await;
        let body = answer.map_err(|_| LocationError::from(FetchError::Timeout))??;
        Ok(KeySet::parse(&body, self.environment.algorithms)?)
    }

    /// Waits until the fetch has ended. The timer runs where the fetch does: a caller's runtime
    /// may have none.
    async fn wait(&self, mut running: watch::Receiver<()>, deadline: Instant) -> Result<(), Unavailable> {
        // Nothing is ever sent: the only change is the end of the sender.
        let ended = self
            .environment
            .runtime
            .spawn(async move { timeout_at(deadline, running.changed()).await.is_ok() });
        match ended.await {
            Ok(true) => Ok(()),
            _ => Err(self.unavailable("fetching the signing keys takes too long")),
        }
    }
}

impl State {
    fn younger_than(&self, age: Duration, now: Timestamp) -> Option<Arc<KeySet>> {
        let fetched = self.fetched.as_ref()?;
        within(age, fetched.at, now).then(|| Arc::clone(&fetched.keys))
    }

    fn other_than(&self, seen: &Arc<KeySet>) -> Option<Arc<KeySet>> {
        let keys = &self.fetched.as_ref()?.keys;
        (!Arc::ptr_eq(keys, seen)).then(|| Arc::clone(keys))
    }

    fn cool_down(&mut self, now: Timestamp) {
        let length = if self.younger_than(USABLE, now).is_some() { COOLDOWN } else { RETRY };
        self.cooldown = Some(Cooldown { since: now, length });
    }
}

impl Cooldown {
    fn covers(&self, now: Timestamp) -> bool {
        within(self.length, self.since, now)
    }
}

/// Whether less than `length` lies between the two times, in either direction: should the clock
/// be set back, nothing lasts longer than it would have.
fn within(length: Duration, since: Timestamp, now: Timestamp) -> bool {
    now < since.saturating_add(length) && since < now.saturating_add(length)
}
