//! `capykeys keys list`.

use capykeys_domain::model::{
    CreatedBy, KeyFilter, KeyName, KeySource, KeyState, OrganizationId, ProjectId, Scope, Timestamp,
};
use clap::Args;

use super::{organization_id, parse_text};

#[derive(Debug, Args)]
pub(crate) struct ListKeys {
    /// The organization's id.
    #[arg(long, value_parser = organization_id, value_name = "ORGANIZATION_ID")]
    pub(crate) organization: OrganizationId,
    #[command(flatten)]
    pub(crate) filters: Filters,
}

/// What keys are like; all that is given holds.
#[derive(Debug, Args)]
pub(crate) struct Filters {
    /// Those that are active (they can be used), disabled, expired or revoked.
    #[arg(long, value_parser = parse_text(KeyFilter::parse_status))]
    status: Option<KeyState>,
    /// Those for this project.
    #[arg(long, value_parser = parse_text(ProjectId::parse))]
    project_id: Option<ProjectId>,
    /// Those that came to be so: dashboard, api, cli, agent, operator or import.
    #[arg(long, value_parser = parse_text(KeyFilter::parse_source))]
    source: Option<KeySource>,
    /// Those that carry this scope by its name; `*` is another one.
    #[arg(long, value_parser = parse_text(KeyFilter::parse_scope))]
    scope: Option<Scope>,
    /// Those that this user created, or that were made with this key.
    #[arg(long, value_parser = parse_text(KeyFilter::parse_created_by), value_name = "ID")]
    created_by: Option<CreatedBy>,
    /// Those that have an end, which lies before this time, such as 2027-01-31T12:00:00Z.
    #[arg(long, value_parser = parse_text(KeyFilter::parse_expires_before), value_name = "TIME")]
    expires_before: Option<Timestamp>,
    /// Those that were last used before this time, or never and were created before it.
    #[arg(long, value_parser = parse_text(KeyFilter::parse_unused_since), value_name = "TIME")]
    unused_since: Option<Timestamp>,
    /// Those whose name begins so, byte for byte.
    #[arg(long, value_parser = parse_text(KeyFilter::parse_name))]
    name: Option<KeyName>,
}

impl Filters {
    /// What the keys are like; they are in a state as of `now`.
    pub(crate) fn filter(self, now: Timestamp) -> KeyFilter {
        KeyFilter {
            state: self.status.map(|state| (state, now)),
            project_id: self.project_id,
            source: self.source,
            scope: self.scope,
            created_by: self.created_by,
            expires_before: self.expires_before,
            unused_since: self.unused_since,
            name: self.name,
            ..KeyFilter::default()
        }
    }
}
