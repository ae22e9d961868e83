//! Refusals, counted where one caller is refused over and over.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use capykeys_domain::{
    model::{Actor, AuditAction, AuditEvent, AuditOutcome, AuditRecord, OrganizationId, Timestamp},
    ports::{AuditLog, EventQuery, Limit, Unavailable},
};
use tokio::{
    runtime::Handle,
    time::{sleep, timeout},
};

use crate::Recording;

/// How many callers are counted at once at most; what others are refused is written each time.
const CALLERS: usize = 10_000;
/// How long [`CountedRefusals::flush`] waits before it tries again.
const PAUSE: Duration = Duration::from_millis(50);

/// An audit log in which the first refusal of a caller is written at once, and those that follow it
/// within an interval are counted and written as one event with their number. Nothing is left out of
/// the count. Clones share it.
///
/// While the store does not take what was counted, refusals are written one by one again, so that
/// none is given that cannot be recorded.
#[derive(Clone)]
pub struct CountedRefusals(Arc<Inner>);

struct Inner {
    log: Arc<dyn AuditLog>,
    counted: Mutex<Counted>,
    /// Held while writing: an event must not be written twice.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Counted {
    /// Who was refused what since the last writing, and what came after the first.
    callers: HashMap<Refused, Option<AuditEvent>>,
    /// The last writing failed.
    is_late: bool,
}

/// Who was refused what.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Refused {
    action: AuditAction,
    actor: Actor,
    organization_id: Option<OrganizationId>,
}

impl Refused {
    fn of(event: &AuditEvent) -> Self {
        let (action, actor) = (event.action.clone(), event.actor.clone());
        Self { action, actor, organization_id: event.organization_id }
    }
}

impl Counted {
    /// Counts the event where one like it was written in this interval.
    fn count(&mut self, event: &AuditEvent) -> bool {
        if self.is_late {
            return false;
        }
        let Some(later) = self.callers.get_mut(&Refused::of(event)) else { return false };
        merge(later, event);
        true
    }
}

/// The newer event, with the number of both. Of different keys or organizations asked for none is named.
fn merge(later: &mut Option<AuditEvent>, event: &AuditEvent) {
    let mut merged = event.clone();
    if let Some(before) = later.take() {
        merged.occurrences = before.occurrences.saturating_add(event.occurrences.get());
        merged.key_id = event.key_id.filter(|_| before.key_id == event.key_id);
        merged.target_organization_id = event
            .target_organization_id
            .filter(|_| before.target_organization_id == event.target_organization_id);
    }
    *later = Some(merged);
}

impl CountedRefusals {
    /// Counts what is refused, over `log`. Nothing that was counted is written before
    /// [`spawn`](Self::spawn) or [`flush`](Self::flush) is called.
    #[must_use]
    pub fn new(log: Arc<dyn AuditLog>) -> Self {
        let (counted, writing) = (Mutex::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { log, counted, writing }))
    }

    /// Writes what was counted at the end of every interval, until what is returned is dropped.
    pub fn spawn(&self, interval: Duration, runtime: &Handle) -> Recording {
        let this = self.clone();
        Recording::of(runtime.spawn(async move {
            let mut failed = false;
            loop {
                sleep(interval).await;
                let outcome = this.0.write().await;
                if let (Err(error), false) = (&outcome, failed) {
                    tracing::warn!(%error, "counted refusals cannot be recorded: each is written on its own");
                }
                failed = outcome.is_err();
            }
        }))
    }

    /// Writes what was counted, and tries again where that fails, for at most `limit`: for the end of a
    /// server. How many events are left; they are lost if it ends now.
    pub async fn flush(&self, limit: Duration) -> usize {
        let written = timeout(limit, async {
            while self.0.write().await.is_err() {
                sleep(PAUSE).await;
            }
        });
        let ended = written.await;
        let left = self.0.lock().callers.values().flatten().count();
        if ended.is_err() {
            tracing::warn!(events = left, "counted refusals were not recorded in time");
        }
        left
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what was counted, one event at a time, and begins a new interval. What the store has not
    /// taken stays.
    async fn write(&self) -> Result<(), Unavailable> {
        let _writing = self.writing.lock().await;
        let due: Vec<_> = self.lock().callers.values().flatten().cloned().collect();
        for event in due {
            let outcome = self.log.append_event(event.clone()).await;
            let mut counted = self.lock();
            counted.is_late = outcome.is_err();
            outcome?;
            // What came in since is the beginning of the next count.
            if let Some(later) = counted.callers.get_mut(&Refused::of(&event)) {
                let since = later.take().filter(|later| later.occurrences > event.occurrences);
                *later = since.map(|mut since| {
                    let more = since.occurrences.get() - event.occurrences.get();
                    since.occurrences = NonZeroU32::new(more).unwrap_or(NonZeroU32::MIN);
                    since
                });
            }
        }
        let mut counted = self.lock();
        counted.is_late = false;
        counted.callers.retain(|_, later| later.is_some());
        Ok(())
    }
}

#[async_trait]
impl AuditLog for CountedRefusals {
    async fn append_event(&self, event: AuditEvent) -> Result<(), Unavailable> {
        let refused = (event.outcome == AuditOutcome::Denied).then(|| Refused::of(&event));
        if refused.is_some() && self.0.lock().count(&event) {
            return Ok(());
        }
        self.0.log.append_event(event).await?;
        let mut counted = self.0.lock();
        if let Some(refused) = refused.filter(|_| counted.callers.len() < CALLERS) {
            counted.callers.entry(refused).or_default();
        }
        Ok(())
    }

    async fn list_events(&self, query: EventQuery) -> Result<Vec<AuditRecord>, Unavailable> {
        self.0.log.list_events(query).await
    }

    async fn expire_events(&self, before: Timestamp, at_most: Limit) -> Result<u64, Unavailable> {
        self.0.log.expire_events(before, at_most).await
    }
}
