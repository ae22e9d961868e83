//! `capykeys backup` and `capykeys restore`

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Backup {
    /// The file, which gets its name when it is whole; `-` for standard output.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) file: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<BackupCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Check that a backup is whole and can be restored here, and print what it is of. No store is needed.
    Verify {
        /// The file; `-` for standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The file. It is read more than once.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What was revoked since: the ids of keys, one a line, lines of the event log (JSON), or a newer backup, of which
    /// its revocations and suspensions are taken.
    #[arg(long, value_name = "FILE")]
    pub(crate) revoke_from: Option<PathBuf>,
}
