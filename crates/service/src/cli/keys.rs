//! `capykeys keys`.

use std::time::Duration;

use capykeys_domain::model::{DisablingReason, KeyId, OrganizationId};
use clap::{Args, Subcommand};

use super::{
    CreateKey, ImportKeys, ListKeys, ReportKeys, RevokeKeys, UpdateKey, key_id, organization_id, parse_text,
};
use crate::config::Period;

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Create a key and print it, with its secret, as JSON. The secret is shown this once.
    Create(CreateKey),
    /// Import keys that another service has issued, by the hashes of their secrets, and print what became of them.
    ///
    /// A line that cannot be imported is named on standard error and passed over; the exit code is then 1. The same command goes
    /// on where it was stopped, and imports nothing twice.
    Import(ImportKeys),
    /// Print the keys of an organization as JSON, newest first: all, or those that have all that is said of them.
    List(ListKeys),
    /// Find a key by its secret, the first line of standard input: whose it is, its state, and when it was last used.
    ///
    /// Exit code 3 where there is no such key. The secret is not printed, and finding it is no use of it.
    Find,
    /// Print which active keys nobody uses and which have no end, of one organization or of all.
    Report(ReportKeys),
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
    /// Give a key another secret and print it, with that, as JSON. The secret is shown this once.
    Rotate {
        #[command(flatten)]
        key: KeyOf,
        /// How long the secret before is good beside it, such as 1h; 0s ends it at once.
        #[arg(long, value_parser = grace)]
        grace: Option<Duration>,
        /// End the secret before once it was not used for so long, such as 1h.
        #[arg(long, value_parser = idle)]
        finish_when_idle: Option<Duration>,
        /// Where two secrets are good already, replace the newer one, which nobody has got.
        #[arg(long)]
        discard_newest: bool,
    },
    /// End the secret that a key had before it was rotated.
    Finish(KeyOf),
    /// Revoke a key, or many at once: those that are named, or those that have all that is said of them. They are refused
    /// from then on, for good.
    Revoke(RevokeKeys),
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

fn grace(text: &str) -> Result<Duration, &'static str> {
    text.parse()
        .map(Period::duration)
        .map_err(|()| "must be a whole number and its unit, such as 0s, 10m, 1h or 1d")
}

/// No grace is longer than the bound. A store could not even add to a time what is much longer.
fn idle(text: &str) -> Result<Duration, &'static str> {
    let idle = grace(text)?;
    let is_within = !idle.is_zero() && idle <= Period::days(366).duration();
    if is_within { Ok(idle) } else { Err("must be longer than nothing, and at most 366d") }
}

#[cfg(test)]
mod tests {
    use super::idle;

    #[test]
    fn a_secret_is_to_be_unused_for_no_longer_than_a_store_can_add_to_a_time() {
        assert!(idle("366d").is_ok());
        for text in ["0s", "367d", "400000000d"] {
            assert!(idle(text).is_err(), "{text}");
        }
    }
}
