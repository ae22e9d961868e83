//! Why a store does not open, and why an operation failed.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use capykeys_domain::ports::Unavailable;
use capykeys_storage::Corrupt;
use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};

use crate::DEPENDENCY;

/// Why a store could not be opened. The texts are for the operator and hold nothing of a row.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder, or a file in it, cannot be made, read or written.
    #[error("The data directory {} cannot be used: {source}.", path.display())]
    Directory {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Another server works on the folder.
    #[error("Another server is using the data directory {}.", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The data is of a version that this program does not know.
    #[error("The database has format {found}, and this program knows format {known}: a newer one is needed.")]
    Format {
        /// What the database has.
        found: i64,
        /// What the program knows.
        known: i64,
    },
    /// The engine refused.
    #[error("The database {} cannot be opened: {reason}.", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl OpenError {
    /// Makes an error about `path` from what the operating system says.
    pub(crate) fn directory(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Directory { path: path.to_owned(), source }
    }

    /// Makes an error about the database from what went wrong with it.
    pub(crate) fn database<E: Into<Failure>>(path: &Path) -> impl Fn(E) -> Self {
        move |error| Self::Database { path: path.to_owned(), reason: error.into().to_string() }
    }
}

/// Why an operation failed. Its text holds nothing of a row: the engine's own text is never in it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What the engine failed with.
    Engine(redb::Error),
    /// What was read is nothing that the domain accepts.
    Corrupt(&'static str),
    /// The random source gave nothing.
    Entropy,
    /// There are no more numbers.
    Numbers,
    /// It took so long that nobody waits for it any more.
    Overdue,
    /// The file that was opened has its name no more.
    Replaced,
}

impl Failure {
    /// As the ports tell it.
    pub(crate) fn during(&self, operation: &'static str) -> Unavailable {
        Unavailable::new(DEPENDENCY, format_args!("{operation}: {self}"))
    }

    /// Whether the engine does nothing more until the database is opened again.
    pub(crate) const fn ends_the_database(&self) -> bool {
        matches!(
            self,
            Self::Engine(redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::LockPoisoned(_))
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use redb::Error;
        match self {
            Self::Engine(Error::Io(error)) => {
                write!(f, "the disk or its file system failed ({})", error.kind())
            }
            Self::Engine(error) => f.write_str(match error {
                Error::PreviousIo => "the disk failed before",
                Error::Corrupted(_) => "the database is damaged",
                Error::WouldBlock => "another process is writing",
                Error::DatabaseAlreadyOpen => "another program has it for itself alone",
                Error::LockProtocolMismatch => "another version of redb has it open",
                Error::UpgradeRequired(_) => "it was written by an old version of redb",
                Error::RepairAborted => "it is damaged and was not repaired",
                Error::TableDoesNotExist(_) => "a table is missing",
                _ => "redb refused",
            }),
            Self::Corrupt(column) => write!(f, "a stored value cannot be read, column {column}"),
            Self::Entropy => f.write_str("the random source gave nothing"),
            Self::Numbers => f.write_str("there are no more numbers for events"),
            Self::Overdue => f.write_str("not done in time"),
            Self::Replaced => {
                f.write_str("another file is in the database's place, which the next start opens")
            }
        }
    }
}

impl From<Corrupt> for Failure {
    fn from(Corrupt(column): Corrupt) -> Self {
        Self::Corrupt(column)
    }
}

/// Each part of the engine has errors of its own.
macro_rules! engine {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Engine(error.into())
            }
        })*
    };
}

engine!(CommitError, DatabaseError, StorageError, TableError, TransactionError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_does_not_repeat_what_the_engine_says() {
        for (error, text) in [
            (StorageError::Corrupted("capy_live_hush".to_owned()), "the database is damaged"),
            (
                StorageError::Io(io::Error::other("capy_live_hush")),
                "the disk or its file system failed (other error)",
            ),
        ] {
            let told = Failure::from(error).during("find_key").to_string();
            assert_eq!(told, format!("redb: find_key: {text}"));
        }
    }
}
