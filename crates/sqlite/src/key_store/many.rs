//! Many keys at once.

use capykeys_domain::{
    model::{ApiKey, AuditEvent},
    ports::RevokeKeys,
};
use capykeys_storage::Values;
use rusqlite::Connection;

use super::{REVOKE, page};
use crate::{audit_log::record, error::Failure, sql};

/// The writer's transaction holds everybody else off meanwhile.
pub(super) fn revoke(connection: &Connection, revoke: &RevokeKeys) -> Result<Vec<ApiKey>, Failure> {
    let RevokeKeys { query, at, event } = revoke;
    let (text, values) = page(query);
    let keys: Vec<ApiKey> = sql::all(connection, &text, &values)?;
    let unrevoked = keys.into_iter().filter(|key| key.revoked_at.is_none());
    unrevoked.map(|key| revoke_one(connection, ApiKey { revoked_at: Some(*at), ..key }, event)).collect()
}

/// Stores that it is revoked, with the event.
fn revoke_one(connection: &Connection, revoked: ApiKey, event: &AuditEvent) -> Result<ApiKey, Failure> {
    let values = Values::of("organization_id", &revoked.organization_id)
        .and("id", &revoked.id)
        .and("at", &revoked.revoked_at);
    sql::each(connection, REVOKE, &values, |_| Ok(()))?;
    let project_id = revoked.project_id.clone();
    record(connection, &AuditEvent { key_id: Some(revoked.id), project_id, ..event.clone() })?;
    Ok(revoked)
}
