//! Why a store does not open, and why an operation failed.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use capykeys_domain::ports::Unavailable;
use capykeys_migrations::Misfit;
use rusqlite::ErrorCode;

use crate::DEPENDENCY;

/// Why a store could not be opened. The texts are for the operator and hold nothing of a row.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory, or a file in it, cannot be created, read or written.
    #[error("The data directory {} cannot be used: {source}.", path.display())]
    Directory {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The directory is on a file system whose locks and shared memory SQLite cannot rely on.
    #[error(
        "The data directory {} is on a network file system ({kind}), where the database could be damaged. \
         Use a local disk.",
        path.display()
    )]
    NetworkFileSystem {
        /// The directory.
        path: PathBuf,
        /// The file system's name.
        kind: &'static str,
    },
    /// A server holds the [`ServerLock`](crate::ServerLock).
    #[error("Another server is using the data directory {}.", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// Another process is opening the database and does not finish.
    #[error("Another process has been opening the database in {} for too long.", path.display())]
    Busy {
        /// The directory.
        path: PathBuf,
    },
    /// The file is no SQLite database, or a damaged one.
    #[error("The file {} is not a usable database.", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A write-ahead log that does not go with the database.
    #[error(
        "The database does not go with {}, which is of another one: if a backup was put in its place, remove \
         that file and the one that ends in -shm.",
        log.display()
    )]
    Leftover {
        /// The log.
        log: PathBuf,
    },
    /// The file, or the file system that it is on, may not be written.
    #[error("The data directory {} can only be read.", path.display())]
    ReadOnly {
        /// The file or directory.
        path: PathBuf,
    },
    /// There is no room for a new database.
    #[error("The data directory {} has only {free_mib} MiB left, too little for a database.", path.display())]
    NoSpace {
        /// The directory.
        path: PathBuf,
        /// What is left.
        free_mib: u64,
    },
    /// Rows of a table are missing that others need.
    #[error("The database was not restored completely: {0}.")]
    Incomplete(&'static str),
    /// This program may not work on the schema as it is.
    #[error("The database cannot be used: {0}.")]
    Misfit(#[from] Misfit),
    /// SQLite refused.
    #[error("The database could not be opened: {operation} failed with {code}.")]
    Database {
        /// What was tried.
        operation: &'static str,
        /// SQLite's code.
        code: String,
    },
    /// The thread that writes could not be started.
    #[error("The database's writer could not be started: {0}.")]
    Writer(io::Error),
}

impl OpenError {
    /// Makes an error about `path` from what the operating system says.
    pub(crate) fn directory(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Directory { path: path.to_owned(), source }
    }

    /// Makes an error about the database `file` from what SQLite says.
    pub(crate) fn database(file: &Path, operation: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::NotADatabase { path: file.to_owned() }
            }
            _ => Self::Database { operation, code: Failure::from(error).to_string() },
        }
    }
}

/// Why an operation on an open store failed. Its text holds nothing of a row, unlike SQLite's.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite's extended result code (<https://www.sqlite.org/rescode.html>).
    Code(i32),
    /// A row holds what the domain does not accept in this column.
    CorruptRow(&'static str),
    /// A row holds a value of a wrong type.
    CorruptValue,
    /// The caller of the binding made a mistake.
    Binding,
    /// A snapshot cannot be taken.
    Snapshot(&'static str),
    /// The file of a snapshot cannot be used.
    File(io::ErrorKind),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{} (SQLite code {code})", meaning(*code)),
            Self::CorruptRow(column) => write!(f, "corrupt row, column {column}"),
            Self::CorruptValue => f.write_str("corrupt row"),
            Self::Binding => f.write_str("statement does not fit the schema"),
            Self::Snapshot(reason) => f.write_str(reason),
            Self::File(kind) => write!(f, "the file of the snapshot beside the database: {kind}"),
        }
    }
}

/// What a code means for an operator.
fn meaning(code: i32) -> &'static str {
    // The lowest byte is the primary code.
    match code & 0xff {
        5 | 6 => "another program keeps the database locked",
        8 => "the database cannot be written: look at the rights in `sqlite.directory` and how it is mounted",
        10 => "the disk or its file system failed",
        11 | 26 => "the database is damaged",
        13 => "the disk is full",
        14 => "a file of the database cannot be opened: look at the rights in `sqlite.directory`",
        19 => "a rule of the schema forbids it",
        _ => "SQLite refused",
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error;
        match error {
            Error::SqliteFailure(error, _) | Error::SqlInputError { error, .. } => {
                Self::Code(error.extended_code)
            }
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..) => Self::CorruptValue,
            _ => Self::Binding,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::File(error.kind())
    }
}

impl Failure {
    /// Whether a rule of the schema was violated.
    pub(crate) fn is_constraint(&self) -> bool {
        matches!(self, Self::Code(code) if code & 0xff == rusqlite::ffi::SQLITE_CONSTRAINT)
    }

    /// As the ports tell it.
    pub(crate) fn during(&self, operation: &'static str) -> Unavailable {
        Unavailable::new(DEPENDENCY, format_args!("{operation}: {self}"))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_failure_does_not_repeat_what_is_in_the_row() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (a TEXT UNIQUE); INSERT INTO t VALUES ('secret')").unwrap();
        let error = connection.execute("INSERT INTO t VALUES ('secret')", []).unwrap_err();
        let text = Failure::from(error).during("insert").to_string();
        assert_eq!(text, "sqlite: insert: a rule of the schema forbids it (SQLite code 2067)");

        let error = connection.query_row("SELECT a FROM t", [], |row| row.get::<_, i64>(0)).unwrap_err();
        assert_eq!(Failure::from(error).during("find").to_string(), "sqlite: find: corrupt row");
    }
}
