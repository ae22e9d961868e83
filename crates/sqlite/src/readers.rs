//! Read-only connections, lent out one read at a time.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rusqlite::Connection;

use crate::{error::Failure, schema};

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
        let connection = match self.take() {
            Some(connection) => connection,
            None => schema::open_reader(&self.file)?,
        };
        let outcome = read(&connection);
        // One that failed is not used again: a new one has no history.
        if outcome.is_ok() {
            self.give_back(connection);
        }
        outcome
    }

    /// The database.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Closes every idle connection.
    pub(crate) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn take(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }
}
