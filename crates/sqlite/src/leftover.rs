//! What a process that did not end in order has left beside the database.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use crate::{OpenError, schema};

/// Refuses a database that does not go with the write-ahead log beside it: where a backup was copied
/// over it, and the log still is of what was there before. SQLite would mix the two and notice
/// nothing.
///
/// It reads the whole database, so it is done only where there is a log and no server is running.
/// Nothing is written: what was copied stays whole, and is served once the log is removed.
pub(crate) fn check(file: &Path) -> Result<(), OpenError> {
    if !is_there(file) {
        return Ok(());
    }
    let log = log_of(file);
    if is_newer(file, &log) {
        tracing::warn!(
            "the database was changed after its write-ahead log: if a backup was put in its place, it does not \
             count until the log is removed"
        );
    }
    match schema::open_reader(file).and_then(|connection| is_whole(&connection)) {
        Ok(true) => Ok(()),
        Ok(false) => Err(OpenError::Leftover { log }),
        // As a database is refused without a log.
        Err(error) => match OpenError::database(file, "checking")(error) {
            OpenError::NotADatabase { .. } => Err(OpenError::Leftover { log }),
            other => Err(other),
        },
    }
}

/// Whether the file was changed so much later than the log that no checkpoint can have done it. Whoever
/// changes modes or owners does too, so that it proves nothing.
fn is_newer(file: &Path, log: &Path) -> bool {
    const CHECKPOINT: i64 = 10;
    let changed = |path: &Path| path.metadata().map_or(0, |metadata| metadata.ctime());
    changed(file) > changed(log) + CHECKPOINT
}

fn is_whole(connection: &Connection) -> rusqlite::Result<bool> {
    let intact: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok(intact == "ok" && !connection.prepare("PRAGMA foreign_key_check")?.exists([])?)
}

/// Whether there is a log with something in it.
pub(crate) fn is_there(file: &Path) -> bool {
    log_of(file).metadata().is_ok_and(|log| log.len() > 0)
}

fn log_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}
