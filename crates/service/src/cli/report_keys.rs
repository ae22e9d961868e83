//! `capykeys keys report`.

use std::time::Duration;

use capykeys_domain::model::{OrganizationId, Timestamp};
use clap::{Args, ValueEnum};

use super::organization_id;

#[derive(Debug, Args)]
pub(crate) struct ReportKeys {
    /// The one organization whose keys are looked at; all where it is left out.
    #[arg(long, value_parser = organization_id, value_name = "ORGANIZATION_ID")]
    pub(crate) organization: Option<OrganizationId>,
    #[command(flatten)]
    pub(crate) findings: Findings,
    /// How it is printed: for people, or as one JSON object a line.
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub(crate) format: ReportFormat,
}

/// What is looked for; a key with any of it is reported.
#[derive(Clone, Copy, Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Findings {
    /// Keys that were not used for so many days, and were created earlier.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    unused_days: Option<u16>,
    /// Keys that have no end.
    #[arg(long)]
    pub(crate) never_expiring: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    Table,
    Ndjson,
}

impl Findings {
    /// Since when a key must not have been used.
    pub(crate) fn unused_since(self, now: Timestamp) -> Option<Timestamp> {
        Some(now.saturating_sub(Duration::from_hours(24 * u64::from(self.unused_days?))))
    }
}
