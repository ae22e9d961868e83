//! The store: one writer, a few readers, one file.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use capykeys_domain::ports::{Host, Unavailable};
use capykeys_storage::Operation;
use rusqlite::Connection;
use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    DEPENDENCY, OpenError, ServerLock,
    directory::{self, DATABASE_FILE},
    error::Failure,
    leftover,
    readers::Readers,
    schema,
    writer::{DEADLINE, Writer},
};

/// What it is called where its operations are measured.
pub(crate) const SYSTEM: &str = "sqlite";
/// Why they fail, there: the log says more.
pub(crate) const FAILED: &str = "unavailable";

/// The embedded store. Clones share it; dropping the last one waits until all that was queued is
/// written, and closes the database.
///
/// Its methods are those of the domain's ports. They need a tokio runtime with its timer.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    readers: Arc<Readers>,
    writer: Writer,
    deadline: Duration,
    host: Host,
}

impl Drop for Shared {
    /// The readers go first: only a connection that may write can tidy up as the last one.
    fn drop(&mut self) {
        self.readers.close();
    }
}

impl SqliteStore {
    /// Opens `<directory>/capykeys.db`, made together with the directory where it does not exist
    /// (mode 0600, the directory 0700), applies the migrations that it lacks and starts the
    /// thread that writes. Processes that open the same directory at once take turns.
    ///
    /// It blocks on the disk, for seconds where another process is migrating: call it before
    /// serving, not from a request.
    ///
    /// # Errors
    /// [`OpenError`]. Nothing of an existing database is changed then, except that migrations may
    /// have been applied.
    pub fn open(directory: &Path, host: Host) -> Result<Self, OpenError> {
        Self::open_with(directory, DEADLINE, host)
    }

    /// The same for whoever can wait this long for an operation, instead of a second: a command
    /// beside a busy server. Half of it may pass before the other process lets this one write.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_with(directory: &Path, deadline: Duration, host: Host) -> Result<Self, OpenError> {
        directory::prepare(directory)?;
        let file = directory.join(DATABASE_FILE);
        let _turn = directory::lock_while_opening(directory)?;
        // A running server has looked when it started.
        if leftover::is_there(&file)
            && let Some(_nobody_serves) = ServerLock::take(directory)?
        {
            leftover::check(&file)?;
        }
        directory::create_database_file(directory, &file)?;
        let connection = schema::open_writer(&file, deadline / 2)?;
        let readers =
            Readers::open(file.clone()).map_err(OpenError::database(&file, "opening for reading"))?;
        let writer = Writer::start(connection).map_err(OpenError::Writer)?;
        Ok(Self { shared: Arc::new(Shared { readers: Arc::new(readers), writer, deadline, host }) })
    }

    pub(crate) fn file(&self) -> &Path {
        self.shared.readers.file()
    }

    pub(crate) fn host(&self) -> &Host {
        &self.shared.host
    }

    /// A point lookup: some 10 µs, a tenth of what it would cost on another thread.
    pub(crate) fn read<T>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Unavailable> {
        let reading = || self.shared.readers.read(read).map_err(|failure| failure.during(operation));
        Operation::begin(SYSTEM, operation).perform(|_| FAILED, reading)
    }

    /// A read of many rows, on a blocking thread.
    pub(crate) async fn read_many<T: Send + 'static>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let unavailable = |reason| Unavailable::new(DEPENDENCY, format_args!("{operation}: {reason}"));
        // The readers alone: with the whole store, a read that outlives its caller could become
        // the one that closes it.
        let readers = Arc::clone(&self.shared.readers);
        let end = Instant::now() + self.shared.deadline;
        let reading = spawn_blocking(move || readers.read_until(end, read));
        let reading = timeout(self.shared.deadline, reading);
        let reading = async {
            match reading.await {
                Ok(Ok(outcome)) => outcome.map_err(|failure| failure.during(operation)),
                Ok(Err(_)) => Err(unavailable("the read was cut short")),
                Err(_) => Err(unavailable("not read in time")),
            }
        };
        Operation::begin(SYSTEM, operation).complete(|_| FAILED, reading).await
    }

    /// A write, by the thread that writes.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let writing = self.shared.writer.write(self.shared.deadline, operation, work);
        Operation::begin(SYSTEM, operation).complete(|_| FAILED, writing).await
    }
}
