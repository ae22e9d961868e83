//! A server that writes nothing for a while, so that its store can be moved: see `docs/operations/move.md`.

mod guarded;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use capykeys_domain::ports::Unavailable;
use capykeys_usage::{CountedRefusals, UseRecorder};
use tokio::sync::{RwLock, RwLockReadGuard, watch};

use self::guarded::Guarded;

/// How long what was noted before may take to be written, each time that it is tried.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);

/// Whether this process writes anything into the store, besides what servers keep there to find each other. Clones share
/// it.
#[derive(Clone)]
pub(crate) struct ReadOnly(Arc<Inner>);

struct Inner {
    asked: watch::Sender<bool>,
    /// Whether whoever begins to write is refused. Held for as long as somebody writes.
    refuses: RwLock<bool>,
    /// Whether all has ended that had begun before.
    is_on: AtomicBool,
}

impl ReadOnly {
    pub(crate) fn new(is_on: bool) -> Self {
        let (asked, refuses) = (watch::Sender::new(is_on), RwLock::new(is_on));
        Self(Arc::new(Inner { asked, refuses, is_on: is_on.into() }))
    }

    /// The same port, through which nothing is written while that is asked for.
    pub(crate) fn guard<P: ?Sized>(&self, port: Arc<P>) -> Arc<Guarded<P>> {
        Arc::new(Guarded { port, read_only: self.clone() })
    }

    /// Asks for it, or for its end, where [`run`](Self::run) sees to that.
    pub(crate) fn ask(&self, is_on: bool) {
        self.0.asked.send_if_modified(|asked| std::mem::replace(asked, is_on) != is_on);
    }

    /// Whether nothing is written, with what was under way ended.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_on.load(Ordering::Relaxed)
    }

    /// Held by whoever writes.
    async fn writing(&self) -> Result<RwLockReadGuard<'_, bool>, Unavailable> {
        let refuses = self.0.refuses.read().await;
        if *refuses { Err(Unavailable::read_only("server.read_only")) } else { Ok(refuses) }
    }

    /// Does what is asked for, for ever. When it is said that nothing is written, what was noted before is in the store:
    /// of the uses as much as it takes, and of the refusals all, since they were given already.
    pub(crate) async fn run(self, uses: UseRecorder, refusals: CountedRefusals) {
        let mut asked = self.0.asked.subscribe();
        loop {
            let is_on = *asked.borrow_and_update();
            if is_on {
                uses.flush(FLUSH_LIMIT).await;
                *self.0.refuses.write().await = true;
                while refusals.flush(FLUSH_LIMIT).await > 0 {}
                tracing::warn!("read-only: nothing is written from now on");
            } else if self.is_on() {
                *self.0.refuses.write().await = false;
                tracing::info!("no longer read-only: changes are taken again");
            }
            self.0.is_on.store(is_on, Ordering::Relaxed);
            if asked.changed().await.is_err() {
                return;
            }
        }
    }
}
