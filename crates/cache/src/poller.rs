//! Following the feed, as a replica that is registered.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use capykeys_domain::ports::{FeedHead, FeedPosition, FeedQuery, Limit, Poll, Unavailable};
use tokio::{
    runtime::Handle,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, sleep},
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

/// How often a replica looks whether the others have renewed their registrations, and how long the store may take
/// for one.
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
    /// Registers and takes the first lease, unless the store does not let it now: then [`Self::run`] tries on.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn catch_up(&self) -> Result<(), Unavailable> {
        self.0.catch_up().await
    }

    /// Follows the feed and stays registered for ever, through all outages. One of these is to run at a time.
    pub async fn run(self) {
        tokio::join!(self.0.follow_for_ever(), self.0.stay_registered());
    }

    /// Runs it on a runtime.
    pub fn spawn(&self, runtime: &Handle) -> Polling {
        Polling(runtime.spawn(self.clone().run()))
    }
}

/// When this replica last looked at the others' registrations, and what it saw.
struct Look {
    last: BootTime,
    reaper: Reaper,
}

/// Tells once when something does not work any more, and once when it does again.
fn tell_changes(failing: &mut bool, outcome: Result<(), Unavailable>, well: &str, ill: &str) {
    if std::mem::replace(failing, outcome.is_err()) == outcome.is_err() {
        return;
    }
    match outcome {
        Ok(()) => tracing::info!("{well}"),
        Err(error) => tracing::warn!(%error, "{ill}"),
    }
}

impl Inner {
    async fn follow_for_ever(self: &Arc<Self>) {
        let mut ticks = interval(self.settings.poll_interval());
        // After a stall the next polls keep their distance, rather than come all at once.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = Look { last: self.clock.now(), reaper: Reaper::default() };
        let mut failing = false;
        loop {
            ticks.tick().await;
            let ill = "the change feed does not answer: keys are read from the store";
            tell_changes(&mut failing, self.follow(&mut look).await, "the change feed answers again", ill);
        }
    }

    /// Renews the registration while the feed is followed, which a commit that hangs must not hold up.
    async fn stay_registered(&self) {
        let Self { clock, settings, .. } = self;
        let (interval, mut failing) = (settings.renewal_interval(), false);
        loop {
            sleep(if failing { interval / 5 } else { interval }).await;
            // Whoever follows the feed may have registered meanwhile.
            let fresh = settings.registration.saturating_sub(interval);
            let until = self.read().registered_until();
            sleep(until.since(clock.now()).saturating_sub(fresh)).await;
            let ill = "the registration is not renewed: no verdict is given once it has run out";
            tell_changes(&mut failing, self.register().await, "the registration is renewed again", ill);
        }
    }

    async fn follow(self: &Arc<Self>, look: &mut Look) -> Result<(), Unavailable> {
        self.catch_up().await?;
        let progress = self.read().confirmable(self.clock.now());
        if let Some(progress) = progress {
            let confirming = self.store.registry.confirm_progress(self.id, progress);
            self.in_time("confirm_progress", confirming).await?;
            self.write().end_confirm(progress);
        }
        if self.clock.now().since(look.last) >= RENEWAL {
            look.last = self.clock.now();
            self.reap(&mut look.reaper).await?;
        }
        Ok(())
    }

    /// Polls until everything is applied and there is a lease.
    pub(crate) async fn catch_up(self: &Arc<Self>) -> Result<(), Unavailable> {
        loop {
            match self.poll().await? {
                Polled::Behind => {}
                Polled::Unregistered => {
                    self.register().await?;
                    self.write().registered();
                    tracing::info!(lease = ?self.settings.lease, "registered as a replica");
                }
                Polled::Current | Polled::Restarted | Polled::Ignored => return Ok(()),
            }
        }
    }

    pub(crate) async fn register(&self) -> Result<(), Unavailable> {
        // Before it is sent: it may be committed at once, and a failover be over when that is told.
        let sent = self.clock.now();
        let limit = RENEWAL.min(self.settings.renewal_interval());
        let registering = self.store.registry.register_replica(self.id, self.settings.lease);
        ask("register_replica", limit, registering).await?;
        self.write().renewed(sent);
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
            let polled = machine.end_poll(&sent, &answer, now);
            self.note_brought(&machine);
            (polled, machine.take_jump())
        };
        if let Poll::Diverged(head) = &answer {
            self.tell_of_restart(sent.position, head);
        }
        match jump {
            Some(StoreTimeJump::Back(by)) => tracing::warn!(?by, "the store's clock went back"),
            Some(StoreTimeJump::Ahead(by)) => tracing::warn!(?by, "the store's clock jumped ahead"),
            None => {}
        }
        Ok(polled)
    }

    /// Says from where to where the feed went, and counts what it lost of what this replica has read.
    fn tell_of_restart(&self, before: Option<FeedPosition>, head: &FeedHead) {
        let end = head.position.sequence.get();
        let Some(before) = before else {
            return tracing::info!(end, "starting at the head of the change feed with an empty cache");
        };
        let (read, failed_over) = (before.sequence.get(), before.epoch != head.position.epoch);
        let lost = u64::try_from(read.saturating_sub(end)).unwrap_or(0);
        self.lost.fetch_add(lost, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(
                read,
                end,
                lost,
                failed_over,
                "the change feed went back: the store has lost changes"
            );
        }
        tracing::info!(
            read,
            end,
            failed_over,
            "starting at the head of the change feed again, with an empty cache"
        );
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
