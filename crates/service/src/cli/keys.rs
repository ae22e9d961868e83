//! `capykeys keys`.

use capykeys_domain::model::{DisablingReason, KeyId, OrganizationId};
use clap::{Args, Subcommand};

use super::{CreateKey, UpdateKey, key_id, organization_id, parse_text};

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Create a key and print it, with its secret, as JSON. The secret is shown this once.
    Create(CreateKey),
    /// Print all keys of an organization as JSON, newest first.
    List {
        /// The organization's id.
        #[arg(long, value_parser = organization_id, value_name = "ORGANIZATION_ID")]
        organization: OrganizationId,
    },
    /// Print one key of an organization as JSON, whatever its state.
    Show(KeyOf),
    /// Change a key. What is not given stays.
    Update(UpdateKey),
    /// Disable a key: it is refused until it is enabled.
    Disable {
        #[command(flatten)]
        key: KeyOf,
        /// Why; whoever may see the key can read it.
        #[arg(long, value_parser = parse_text(DisablingReason::parse))]
        reason: Option<DisablingReason>,
    },
    /// Enable a key that is disabled.
    Enable(KeyOf),
    /// Revoke a key. It is refused from then on, for good.
    Revoke(KeyOf),
}

/// A key of an organization.
#[derive(Debug, Args)]
pub(crate) struct KeyOf {
    /// The organization's id.
    #[arg(long, value_parser = organization_id, value_name = "ORGANIZATION_ID")]
    pub(crate) organization: OrganizationId,
    /// The key's id.
    #[arg(value_parser = key_id, value_name = "KEY_ID")]
    pub(crate) key: KeyId,
}
