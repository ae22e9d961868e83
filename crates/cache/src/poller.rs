//! Following the feed, as a replica that is registered.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use capykeys_domain::ports::{FeedQuery, Limit, Poll, Unavailable};
use tokio::{
    runtime::Handle,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use crate::{
    BootTime, VerificationCache,
    cache::Inner,
    machine::{Polled, SentPoll},
    operation::ask,
    reaper::Reaper,
    store_time::StoreTimeJump,
};

/// How many changes are taken at once.
const LIMIT: Limit = Limit::of::<1_000>();

/// How often a replica renews its registration where it has nothing to confirm, and looks whether the
/// others have renewed theirs.
const RENEWAL: Duration = Duration::from_secs(5);

/// Follows the feed in the background until it is dropped.
#[derive(Debug)]
#[must_use = "the feed is followed no longer than this is kept"]
pub struct Polling(JoinHandle<()>);

impl Drop for Polling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl VerificationCache {
    /// Follows the feed for ever, through all its outages. One of these is to run at a time.
    pub async fn run(self) {
        let mut ticks = interval(self.0.settings.poll_interval());
        // After a stall the next polls keep their distance, rather than come all at once.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut failing, mut renewal) = (false, Renewal::new(self.0.clock.now()));
        loop {
            ticks.tick().await;
            let told = self.0.follow(&mut renewal).await;
            if told.is_err() == failing {
                continue;
            }
            failing = told.is_err();
            match told {
                Ok(()) => tracing::info!("the change feed answers again"),
                Err(error) => {
                    tracing::warn!(%error, "the change feed does not answer: keys are read from the store");
                }
            }
        }
    }

    /// Runs it on a runtime.
    pub fn spawn(&self, runtime: &Handle) -> Polling {
        Polling(runtime.spawn(self.clone().run()))
    }
}

/// When this replica last renewed its registration, and what was seen of the others'.
struct Renewal {
    renewed: BootTime,
    reaper: Reaper,
}

impl Renewal {
    fn new(now: BootTime) -> Self {
        Self { renewed: now, reaper: Reaper::default() }
    }
}

impl Inner {
    async fn follow(self: &Arc<Self>, renewal: &mut Renewal) -> Result<(), Unavailable> {
        self.catch_up().await?;
        let applied = self.read().confirmable(self.clock.now());
        let due = self.clock.now().since(renewal.renewed) >= RENEWAL;
        let progress = applied.or_else(|| self.read().confirmed().filter(|_| due));
        if let Some(progress) = progress {
            let confirming = self.store.registry.confirm_progress(self.id, progress);
            self.in_time("confirm_progress", confirming).await?;
            self.write().end_confirm(progress);
        }
        if due {
            renewal.renewed = self.clock.now();
            self.reap(&mut renewal.reaper).await?;
        }
        Ok(())
    }

    /// Polls until everything is applied and there is a lease.
    pub(crate) async fn catch_up(self: &Arc<Self>) -> Result<(), Unavailable> {
        loop {
            match self.poll().await? {
                Polled::Behind => {}
                Polled::Unregistered => self.register().await?,
                Polled::Current | Polled::Restarted | Polled::Ignored => return Ok(()),
            }
        }
    }

    async fn register(&self) -> Result<(), Unavailable> {
        let registering = self.store.registry.register_replica(self.id, self.settings.lease);
        self.in_time("register_replica", registering).await?;
        self.write().registered();
        tracing::info!(lease = ?self.settings.lease, "registered as a replica");
        Ok(())
    }

    async fn in_time<T>(
        &self,
        method: &'static str,
        answer: impl Future<Output = Result<T, Unavailable>>,
    ) -> Result<T, Unavailable> {
        ask(method, self.settings.poll_deadline(), answer).await
    }

    async fn poll(&self) -> Result<Polled, Unavailable> {
        // Before anything is sent: what is committed after this may be missing from the answer.
        let now = self.clock.now();
        let sent = self.write().begin_poll(now);
        let answer = self.in_time("poll_changes", self.ask(&sent)).await?;
        let now = self.clock.now();
        let (polled, jump) = {
            let mut machine = self.write();
            (machine.end_poll(&sent, &answer, now), machine.take_jump())
        };
        if polled == Polled::Restarted {
            let first = sent.position.is_none();
            tracing::info!(first, "starting at the head of the change feed with an empty cache");
        }
        match jump {
            Some(StoreTimeJump::Back(by)) => tracing::warn!(?by, "the store's clock went back"),
            Some(StoreTimeJump::Ahead(by)) => tracing::warn!(?by, "the store's clock jumped ahead"),
            None => {}
        }
        Ok(polled)
    }

    async fn ask(&self, sent: &SentPoll) -> Result<Poll, Unavailable> {
        match &sent.position {
            Some(after) => {
                let query = FeedQuery { reader: self.id, after: *after, limit: LIMIT };
                self.store.feed.poll_changes(query).await
            }
            // Whoever has no position is as far from the feed as who has one of another epoch.
            None => self.store.feed.feed_head(self.id).await.map(Poll::Diverged),
        }
    }

    /// Removes replicas that are gone: retires them, and forgets them when their leases have run out.
    async fn reap(&self, reaper: &mut Reaper) -> Result<(), Unavailable> {
        let registry = self.in_time("read_registry", self.store.registry.read_registry()).await?;
        self.replicas.store(registry.replicas.len(), Ordering::Relaxed);
        let steps = reaper.observe(&registry, self.id, self.clock.now());
        for gone in steps.retire {
            let retiring = self.store.registry.retire_replica(gone.id, gone.renewals);
            if self.in_time("retire_replica", retiring).await? {
                // Only now: its lease may have been taken up to when this was committed.
                reaper.retired(&gone, self.clock.now());
            }
        }
        for gone in steps.forget {
            let forgetting = self.store.registry.forget_replica(gone.id, gone.renewals);
            self.in_time("forget_replica", forgetting).await?;
            tracing::info!("a replica that is gone was forgotten");
        }
        Ok(())
    }
}
