//! Read-only connections, lent out one read at a time.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use rusqlite::Connection;

use crate::{error::Failure, schema};

/// After so many steps of its virtual machine SQLite is asked whether a read has lasted too long: some 100 µs.
const STEPS: i32 = 10_000;

/// How many idle connections are kept: enough for every async worker of a usual machine.
const MAX_IDLE: usize = 8;

/// The read-only connections of a store.
///
/// A read borrows a connection, or opens one where none is idle, so that no read ever waits for
/// another. Async workers and blocking threads bound how many there are at a time.
#[derive(Debug)]
pub(crate) struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Connections to the database `file`, of which one is opened at once to see that it works.
    pub(crate) fn open(file: PathBuf) -> rusqlite::Result<Self> {
        let first = schema::open_reader(&file)?;
        Ok(Self { file, idle: Mutex::new(vec![first]) })
    }

    /// Runs `read` on this thread. It must be short, and end every statement that it began: an
    /// open one keeps its snapshot, and the WAL grows for as long.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        let connection = self.connection()?;
        let outcome = read(&connection)?;
        self.give_back(connection);
        Ok(outcome)
    }

    /// The same, of a read that may go through many rows: it fails at the `end`, when nobody waits for it any more.
    pub(crate) fn read_until<T>(
        &self,
        end: Instant,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut connection = self.connection()?;
        connection.progress_handler(STEPS, Some(move || Instant::now() >= end))?;
        let outcome = read(&connection)?;
        connection.progress_handler(0, None::<fn() -> bool>)?;
        self.give_back(connection);
        Ok(outcome)
    }

    /// The database.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Closes every idle connection.
    pub(crate) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn connection(&self) -> Result<Connection, Failure> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(idle.map_or_else(|| schema::open_reader(&self.file), Ok)?)
    }

    /// After a read that has failed none is used again: a new one has no history.
    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_that_goes_on_for_ever_ends_and_those_after_it_do_not() {
        const ENDLESS: &str =
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("one");
        Connection::open(&file).unwrap().execute_batch("PRAGMA journal_mode = wal").unwrap();
        let readers = Readers::open(file).unwrap();
        let read = |sql| {
            move |connection: &Connection| Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?)
        };
        assert!(readers.read_until(Instant::now(), read(ENDLESS)).is_err());
        let long = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT max(i) FROM n";
        let hour = std::time::Duration::from_hours(1);
        assert_eq!(readers.read_until(Instant::now() + hour, read(long)).unwrap(), 100_000);
        assert_eq!(readers.read(read(long)).unwrap(), 100_000);
    }
}
