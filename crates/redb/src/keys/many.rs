//! Many keys at once.

use std::time::Instant;

use capykeys_domain::{
    model::{ApiKey, AuditEvent},
    ports::{Change, Host, RevokeKeys},
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
    let keys = page(transaction, &revoke.query, overdue)?;
    let unrevoked = keys.into_iter().filter(|key| key.revoked_at.is_none());
    let revoked: Result<Vec<ApiKey>, Failure> = unrevoked
        .map(|key| {
            let revoked = ApiKey { revoked_at: Some(revoke.at), ..key };
            store_revoked(transaction, &revoked, &revoke.event)?;
            Ok(revoked)
        })
        .collect();
    let revoked = revoked?;
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
