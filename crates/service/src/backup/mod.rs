//! The file of a backup.

mod error;
mod format;
mod reader;
mod revocations;
mod source;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use error::BackupError;
pub(crate) use format::Header;
pub(crate) use reader::{BackupReader, SeekableFile};
pub(crate) use revocations::Revocations;
pub(crate) use source::{BackupSource, Scan};
pub(crate) use writer::BackupWriter;
