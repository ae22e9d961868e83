//! Following the feed.

use std::{num::NonZeroU32, sync::Arc};

use capykeys_domain::ports::{FeedHead, Poll, Unavailable};
use tokio::{
    runtime::Handle,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use crate::{
    DEPENDENCY, VerificationCache,
    cache::Inner,
    machine::{Polled, SentPoll},
    sync::within,
};

/// How many changes are taken at once.
const LIMIT: NonZeroU32 = NonZeroU32::MIN.saturating_add(999);

/// Follows the feed in the background until it is dropped.
#[derive(Debug)]
#[must_use = "the feed is followed no longer than this is kept"]
pub struct Polling(JoinHandle<()>);

impl Drop for Polling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

enum Told {
    Head(FeedHead),
    Poll(Poll),
}

impl VerificationCache {
    /// Follows the feed for ever, through all its outages. One of these is to run at a time.
    pub async fn run(self) {
        let mut ticks = interval(self.0.settings.poll_interval());
        // After a stall the next polls keep their distance, rather than come all at once.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            ticks.tick().await;
            let told = self.0.catch_up().await;
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

impl Inner {
    /// Polls until everything is known.
    async fn catch_up(self: &Arc<Self>) -> Result<(), Unavailable> {
        while self.poll().await? == Polled::Behind {}
        Ok(())
    }

    pub(crate) async fn poll(&self) -> Result<Polled, Unavailable> {
        // Before anything is sent: what is committed after this may be missing from the answer.
        let now = self.clock.now();
        let sent = self.write().begin_poll(now);
        let told = within(self.settings.poll_deadline(), self.ask(&sent)).await;
        let told = told.ok_or_else(|| Unavailable::new(DEPENDENCY, "poll: no answer in time"))??;
        let now = self.clock.now();
        let polled = match &told {
            Told::Head(head) => self.write().end_head(&sent, head, now),
            Told::Poll(poll) => self.write().end_poll(&sent, poll, now),
        };
        if polled == Polled::Restarted {
            let first = sent.position.is_none();
            tracing::info!(first, "starting at the head of the change feed with an empty cache");
        }
        Ok(polled)
    }

    async fn ask(&self, sent: &SentPoll) -> Result<Told, Unavailable> {
        match &sent.position {
            Some(position) => self.feed.poll(position, LIMIT).await.map(Told::Poll),
            None => self.feed.head().await.map(Told::Head),
        }
    }
}
