//! `capykeys keys revoke`.

use std::collections::BTreeSet;

use capykeys_domain::{
    model::{KeyFilter, KeyId, KeyName, OrganizationId, Timestamp},
    secret::KeyFormat,
    usecases::{Chosen, MOST_REVOKED},
};
use clap::Args;

use super::{key_id, list_keys::Filters, organization_id};
use crate::error::Error;

#[derive(Debug, Args)]
pub(crate) struct RevokeKeys {
    /// The organization's id.
    #[arg(long, value_parser = organization_id, value_name = "ORGANIZATION_ID")]
    pub(crate) organization: OrganizationId,
    /// The keys' ids.
    #[arg(value_parser = key_id, value_name = "KEY_ID")]
    keys: Vec<KeyId>,
    #[command(flatten)]
    filters: Filters,
    /// Revoke with the key all that were made with it, and with those: 1,000 at most, the oldest first.
    #[arg(long, conflicts_with = "dry_run")]
    descendants: bool,
    /// Print which keys would be revoked, and revoke none.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What is to be revoked.
pub(crate) enum Revoked {
    /// One key, which there has to be.
    One(KeyId),
    /// The same, with all that were made with it.
    Lineage(KeyId),
    /// Any number.
    Many(Box<Chosen>),
}

impl RevokeKeys {
    /// What is to be revoked; keys are in a state as of `now`.
    pub(crate) fn chosen(self, format: &KeyFormat, now: Timestamp) -> Result<Revoked, Error> {
        let filter = self.filters.filter(now);
        format.must_not_occur_in("name", filter.name.as_ref().map(KeyName::as_str))?;
        match (self.keys.as_slice(), filter == KeyFilter::default()) {
            ([one], true) if self.descendants => Ok(Revoked::Lineage(*one)),
            _ if self.descendants => Err("--descendants is for one key".into()),
            ([], true) => Err("say which keys, by their ids or by what they are like".into()),
            ([], false) => Ok(Revoked::Many(Box::new(Chosen::Filter(filter)))),
            ([one], true) if !self.dry_run => Ok(Revoked::One(*one)),
            (ids, true) if ids.len() <= usize::from(MOST_REVOKED.get()) => {
                Ok(Revoked::Many(Box::new(Chosen::Ids(BTreeSet::from_iter(self.keys)))))
            }
            (_, true) => Err(format!("name {MOST_REVOKED} keys at most").into()),
            (_, false) => Err("say which keys by their ids or by what they are like, not by both".into()),
        }
    }
}
