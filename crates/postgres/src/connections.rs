//! The connections of a pool: who has one, who waits for one, and who opens more.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool::unmanaged::{Object, Pool as Open};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
    time::{sleep, sleep_until, timeout},
};

use crate::{
    connector::{Connection, Connector},
    failure::Failure,
};

/// How long nothing is tried after a connection could not be opened, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(200));

/// At most so many connections. They are opened by tasks of their own when somebody waits for one,
/// and are there for whoever comes next if he has waited too long: were the opening part of an
/// operation, one that takes longer than an operation may would be begun again for ever.
pub(crate) struct Connections {
    open: Open<Connection>,
    size: usize,
    connector: Connector,
    runtime: Handle,
    /// How many are being opened.
    opening: Mutex<usize>,
    waiting: AtomicUsize,
    /// Room for those that were set aside.
    aside: Arc<Semaphore>,
    /// And for those that are about to be ended.
    ending: Semaphore,
    /// Why the last could not be opened; `None` where it could.
    failed: watch::Sender<Option<Failure>>,
    family: Arc<Family>,
}

/// The connections of pools that share what the server allows.
#[derive(Default)]
pub(crate) struct Family(Mutex<Vec<Weak<Connections>>>);

impl Connections {
    pub(crate) fn new(connector: Connector, size: usize, runtime: Handle, family: Arc<Family>) -> Arc<Self> {
        let connections = Arc::new(Self {
            open: Open::new(size),
            size,
            connector,
            runtime,
            opening: Mutex::new(0),
            waiting: AtomicUsize::new(0),
            aside: Arc::new(Semaphore::new(size.min(Semaphore::MAX_PERMITS))),
            ending: Semaphore::new(size.min(Semaphore::MAX_PERMITS)),
            failed: watch::Sender::new(None),
            family,
        });
        connections.family.members().push(Arc::downgrade(&connections));
        connections
    }

    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn used_and_idle(&self) -> (usize, usize) {
        let status = self.open.status();
        (status.size.saturating_sub(status.available), status.available)
    }

    /// Whether no more may be opened.
    pub(crate) fn is_full(&self) -> bool {
        self.open.status().size >= self.size
    }

    /// One that nobody else has, as soon as there is one, or why there is none. With connections
    /// there, even if others have them, it is worth while to wait until the end.
    pub(crate) async fn get(
        self: &Arc<Self>,
        end: tokio::time::Instant,
    ) -> Result<Object<Connection>, Failure> {
        if let Ok(idle) = self.open.try_get() {
            return Ok(idle);
        }
        let mut failed = self.failed.subscribe();
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let _waiting = scopeguard::guard((), |()| {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        });
        self.open_more();
        let next = self.open.get();
        tokio::pin!(next);
        loop {
            tokio::select! {
                biased;
                given = &mut next => return given.map_err(|_| Failure::Connection("no pool".to_owned())),
                _ = failed.changed() => {
                    let hopeless = failed.borrow_and_update().as_ref().is_some_and(|failure| !failure.passes());
                    if hopeless && self.open.status().size == 0 {
                        break;
                    }
                }
                () = sleep_until(end) => break,
            }
        }
        Err(failed.borrow().clone().unwrap_or(Failure::Timeout))
    }

    /// Takes one away on which something was asked that nobody waits for any more, and puts it back once
    /// the server has answered that. A server that is slow, or far away, or has just begun to fill
    /// the memory of a connection, would else have to let in another each time, which is slower still. Where it takes
    /// too long, the server is told to end it, so that it does not fill up with what nobody waits for.
    pub(crate) fn set_aside(self: &Arc<Self>, doubtful: Object<Connection>) {
        let mut connection = Object::take(doubtful);
        let place = Arc::clone(&self.aside).try_acquire_owned();
        let (this, limit) = (Arc::clone(self), self.connector.limit());
        self.runtime.spawn(async move {
            // Answers come in the order of the questions.
            if place.is_ok() && matches!(timeout(limit, connection.simple_query("")).await, Ok(Ok(_))) {
                connection.last_used = Instant::now();
                // Others may have taken its place by now.
                let _ = this.open.try_add(connection);
                return;
            }
            drop(place);
            if let Ok(_place) = this.ending.try_acquire()
                && !connection.is_closed()
            {
                let _ = timeout(limit, connection.cancel()).await;
            }
        });
        self.open_more();
    }

    /// Closes one that is not to be used again, and opens another for whoever waits.
    pub(crate) fn discard(self: &Arc<Self>, unclean: Object<Connection>) {
        drop(Object::take(unclean));
        self.open_more();
    }

    /// Opens connections for those who wait and are about to be given none of those that there are.
    fn open_more(self: &Arc<Self>) {
        let waiting = self.waiting.load(Ordering::Acquire);
        self.open_for(waiting.saturating_sub(self.open.status().available));
    }

    /// Opens so many, unless that would be too many, and does not wait for it.
    pub(crate) fn open_for(self: &Arc<Self>, waiting: usize) {
        let mut opening = self.opening();
        while *opening < waiting && self.open.status().size + *opening < self.size {
            *opening += 1;
            self.runtime.spawn(Arc::clone(self).open_one());
        }
    }

    async fn open_one(self: Arc<Self>) {
        // Also where the runtime ends in between.
        let counted = scopeguard::guard(Arc::clone(&self), |this| *this.opening() -= 1);
        let (mut pause, longest) = PAUSE;
        loop {
            let failure = match self.connector.open().await {
                Ok(connection) => {
                    // Below the size, or it would not have been begun.
                    let _ = self.open.try_add(connection);
                    self.failed.send_if_modified(|failed| failed.take().is_some());
                    drop(counted);
                    return self.open_more();
                }
                Err(failure) => failure,
            };
            tracing::debug!(%failure, "a connection to PostgreSQL could not be opened");
            if failure.is_about_their_number() && self.open.status().size == 0 {
                self.family.give_way(&self);
            }
            self.failed.send_replace(Some(failure));
            sleep(pause).await;
            pause = (pause * 2).min(longest);
            // One goes on trying for all who wait.
            let others = *self.opening() > 1;
            if others || self.waiting.load(Ordering::Acquire) == 0 {
                return;
            }
        }
    }

    fn opening(&self) -> MutexGuard<'_, usize> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Family {
    fn members(&self) -> MutexGuard<'_, Vec<Weak<Connections>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes a connection of another pool that nobody uses, because the server allows no more and
    /// one pool has none at all: of the pool that has most, its last one where need be.
    fn give_way(&self, to: &Arc<Connections>) {
        let members: Vec<_> = self.members().iter().filter_map(Weak::upgrade).collect();
        let others = members.iter().filter(|other| !Arc::ptr_eq(other, to));
        let richest = others
            .filter(|other| other.open.status().available > 0)
            .max_by_key(|other| other.open.status().size);
        if let Some(idle) = richest.and_then(|other| other.open.try_remove().ok()) {
            drop(idle);
            tracing::debug!("PostgreSQL allows no more connections: one pool gives way to another");
        }
    }
}
