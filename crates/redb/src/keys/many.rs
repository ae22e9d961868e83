//! Many keys at once.

use std::time::Instant;

use capykeys_domain::{
    model::{ApiKey, AuditEvent, KeyFilter, Timestamp, lineage},
    ports::{Change, Host, KeyQuery, Limit, RevokeKey, RevokeKeys},
};
use redb::WriteTransaction;

use super::{page, store, stored};
use crate::{audit_log::record, change_feed::tell, error::Failure};

pub(super) fn revoke(
    transaction: &WriteTransaction,
    host: &Host,
    revoke: &RevokeKeys,
    overdue: Instant,
) -> Result<Vec<ApiKey>, Failure> {
    let mut keys = page(transaction, &revoke.query, overdue)?;
    keys.retain(|key| key.revoked_at.is_none());
    revoke_all(transaction, host, keys, revoke.at, &revoke.event)
}

/// There is no index for it: all keys of the organization are read, as for a filter.
pub(super) fn revoke_lineage(
    transaction: &WriteTransaction,
    host: &Host,
    revoke: &RevokeKey,
    limit: Limit,
    overdue: Instant,
) -> Result<Option<Vec<ApiKey>>, Failure> {
    let RevokeKey { organization, id, at, event } = revoke;
    if stored(transaction, *id)?.is_none_or(|(_, key)| key.organization_id != *organization) {
        return Ok(None);
    }
    let mut all: Vec<ApiKey> = Vec::new();
    loop {
        let (before, filter) = (all.last().map(|key| key.id), KeyFilter::default());
        let query = KeyQuery { organization: *organization, filter, before, limit: Limit::MAX };
        let more = page(transaction, &query, overdue)?;
        if more.is_empty() {
            break;
        }
        all.extend(more);
    }
    let made = lineage(&all, *id);
    all.retain(|key| key.revoked_at.is_none() && made.contains(&key.id));
    all.sort_by_key(|key| (key.id != *id, key.id));
    all.truncate(limit.get().into());
    revoke_all(transaction, host, all, *at, event).map(Some)
}

fn revoke_all(
    transaction: &WriteTransaction,
    host: &Host,
    mut revoked: Vec<ApiKey>,
    at: Timestamp,
    event: &AuditEvent,
) -> Result<Vec<ApiKey>, Failure> {
    for key in &mut revoked {
        key.revoked_at = Some(at);
        store_revoked(transaction, key, event)?;
    }
    // Of many it is one change.
    match revoked.as_slice() {
        [] => {}
        [one] => tell(transaction, host, Change::Key(one.id))?,
        [one, ..] => tell(transaction, host, Change::Organization(one.organization_id))?,
    }
    Ok(revoked)
}

/// Stores that it is revoked, with the event.
fn store_revoked(
    transaction: &WriteTransaction,
    revoked: &ApiKey,
    event: &AuditEvent,
) -> Result<(), Failure> {
    let (document, _) = stored(transaction, revoked.id)?.ok_or(Failure::Corrupt("id"))?;
    store(transaction, revoked.id, &document.with(revoked))?;
    let project_id = revoked.project_id.clone();
    record(transaction, AuditEvent { key_id: Some(revoked.id), project_id, ..event.clone() })
}
