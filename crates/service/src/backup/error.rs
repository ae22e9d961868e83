//! What can be wrong with a backup, in one sentence each.

use std::io;

/// Why a backup is not used. Nothing of a row is in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    #[error("{file} cannot be read: {error}")]
    Unreadable { file: String, error: io::Error },
    #[error("{0} is no backup of capykeys")]
    NoBackup(String),
    #[error("{0} is cut short: its end is missing, so take another backup")]
    CutShort(String),
    #[error("{0} is damaged: it is not what was written, so take another backup")]
    Damaged(String),
    #[error(
        "{file} is of capykeys {program}, whose format {format} is newer than this program: use that release or a later one"
    )]
    Newer { file: String, program: String, format: i64 },
    #[error("{file} is of keys that begin with `{found}`, and `keys.prefix` is `{configured}`")]
    OtherPrefix { file: String, found: String, configured: String },
    #[error("{0} is read more than once: write it into a file first")]
    Pipe(String),
    #[error("{0} names nothing that was revoked: if that is so, restore without --revoke-from")]
    Empty(String),
    #[error("line {line} of {file} is neither a key's id nor an event of the log")]
    NoRevocation { file: String, line: usize },
}
