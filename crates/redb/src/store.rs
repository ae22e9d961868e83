//! The store: how its operations come to the database.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use capykeys_domain::ports::{Host, Readiness, Unavailable};
use capykeys_storage::{Operation, operation};
use redb::{ReadTransaction, WriteTransaction};
use tokio::{sync::Mutex, task::spawn_blocking, time::timeout_at};

use crate::{
    DEPENDENCY, OpenError,
    database::Shared,
    error::Failure,
    tables::{FORMAT, number},
};

/// The store. Clones share it.
///
/// Its methods are those of the domain's ports. They need a tokio runtime with its timer.
#[derive(Clone)]
pub struct RedbStore {
    database: Arc<Shared>,
    host: Host,
    deadline: Duration,
    /// Those who write in this process stand in line, so that each waits its turn and none a thread.
    turn: Arc<Mutex<()>>,
}

impl RedbStore {
    /// Opens the store in `directory`, which is made where it is missing (mode 0700, its files 0600). Each operation
    /// may take as long as `deadline`. It blocks on the disk: call it before serving.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(directory: &Path, host: Host, deadline: Duration) -> Result<Self, OpenError> {
        let database = Arc::new(Shared::open(directory, &host, Instant::now() + deadline)?);
        Ok(Self { database, host, deadline, turn: Arc::default() })
    }

    /// How many pages of the file were read by now, whether they were in memory or not: for whoever tests that
    /// nothing is read through. Counted where redb has its feature `cache_metrics`, else 0.
    #[must_use]
    pub fn pages_read(&self) -> u64 {
        self.database.pages_read()
    }

    /// The machine's clock and randomness.
    pub(crate) const fn host(&self) -> &Host {
        &self.host
    }

    /// When an operation that begins now has to have ended.
    pub(crate) fn end(&self) -> Instant {
        Instant::now() + self.deadline
    }

    /// Reads, on a thread that may block.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&ReadTransaction) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let database = Arc::clone(&self.database);
        let reading = spawn_blocking(move || database.read(read));
        self.within(operation, self.end(), reading).await
    }

    /// What is committed by now, for as long as it is held. Until then the file keeps what is replaced.
    pub(crate) async fn hold(&self, operation: &'static str) -> Result<Arc<ReadTransaction>, Unavailable> {
        let database = Arc::clone(&self.database);
        let holding = spawn_blocking(move || database.hold().map(Arc::new));
        self.within(operation, Instant::now() + self.deadline, holding).await
    }

    /// Reads what is held.
    pub(crate) async fn read_held<T: Send + 'static>(
        &self,
        operation: &'static str,
        held: &Arc<ReadTransaction>,
        read: impl FnOnce(&ReadTransaction) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let held = Arc::clone(held);
        let reading = spawn_blocking(move || read(&held));
        self.within(operation, Instant::now() + self.deadline, reading).await
    }

    /// Writes, on a thread that may block. Once begun it goes on to its end, whether anybody waits for it or not.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        write: impl FnOnce(&WriteTransaction) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Unavailable> {
        self.in_turn(operation, move |database, deadline| database.write(deadline, write)).await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Shared, Instant) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (database, turn) = (Arc::clone(&self.database), Arc::clone(&self.turn));
        let deadline = Instant::now() + self.deadline;
        let working = async {
            let turn = turn.lock_owned().await;
            let work = move || {
                let _turn = turn;
                work(&database, deadline)
            };
            spawn_blocking(work).await
        };
        self.within(operation, deadline, working).await
    }

    /// Measures the work, and ends the wait for it. Every operation passes here.
    async fn within<T, E>(
        &self,
        operation: &'static str,
        deadline: Instant,
        work: impl Future<Output = Result<Result<T, Failure>, E>>,
    ) -> Result<T, Unavailable> {
        let unavailable = |reason| Unavailable::new(DEPENDENCY, format_args!("{operation}: {reason}"));
        let done = async {
            match timeout_at(deadline.into(), work).await {
                Ok(Ok(outcome)) => outcome.map_err(|failure| failure.during(operation)),
                Ok(Err(_)) => Err(unavailable("cut short")),
                Err(_) => Err(unavailable("not done in time")),
            }
        };
        Operation::begin(DEPENDENCY, operation).complete(|_| "unavailable", done).await
    }
}

/// It reads, and it could write: a turn at that comes in time.
#[async_trait]
impl Readiness for RedbStore {
    async fn check_readiness(&self) -> Result<(), Unavailable> {
        self.read(operation::CHECK_READINESS, |transaction| number(transaction, FORMAT).map(drop)).await?;
        self.in_turn(operation::CHECK_READINESS, Shared::take_turn).await
    }
}
