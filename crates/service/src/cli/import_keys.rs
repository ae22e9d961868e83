//! `capykeys keys import`.

use std::path::PathBuf;

use capykeys_domain::model::OrganizationId;
use clap::Args;

use super::organization_id;

#[derive(Debug, Args)]
pub(crate) struct ImportKeys {
    /// The file, one JSON object a line; `-` for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The organization of the lines that name none.
    #[arg(long, value_parser = organization_id, value_name = "ORGANIZATION_ID")]
    pub(crate) organization: Option<OrganizationId>,
    /// Check every line, say what would happen, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}
