//! Many keys at once.

use std::sync::LazyLock;

use capykeys_domain::{
    model::{ApiKey, AuditEvent, KeyId, Timestamp},
    ports::{Limit, RevokeKey, RevokeKeys},
};
use capykeys_storage::{Columns, Values, count_event};
use rusqlite::Connection;

use super::{find, page, select};
use crate::{error::Failure, sql};

const REVOKE_ALL: &str = "UPDATE api_keys SET revoked_at = $at \
     WHERE revoked_at IS NULL AND id IN (SELECT unhex(value) FROM json_each($ids))";
/// Of each key an event, all at once: a thousand statements would take a thousand times as long to be told what to do.
static RECORD_ALL: LazyLock<String> = LazyLock::new(|| {
    let event = Columns::of::<AuditEvent>("event_").without(&["key_id", "project_id"]);
    format!(
        "INSERT INTO audit_events ({}, key_id, project_id) SELECT {}, k.id, k.project_id FROM api_keys AS k \
         WHERE k.id IN (SELECT unhex(value) FROM json_each($ids)) ORDER BY k.id DESC",
        event.names(),
        event.parameters()
    )
});

/// The writer's transaction holds everybody else off meanwhile.
pub(super) fn revoke(connection: &Connection, revoke: &RevokeKeys) -> Result<Vec<ApiKey>, Failure> {
    let RevokeKeys { query, at, event } = revoke;
    let (text, values) = page(query);
    let mut keys: Vec<ApiKey> = sql::all(connection, &text, &values)?;
    keys.retain(|key| key.revoked_at.is_none());
    revoke_all(connection, keys, *at, event)
}

fn revoke_all(
    connection: &Connection,
    mut keys: Vec<ApiKey>,
    at: Timestamp,
    event: &AuditEvent,
) -> Result<Vec<ApiKey>, Failure> {
    if keys.is_empty() {
        return Ok(keys);
    }
    let ids: Vec<KeyId> = keys.iter().map(|key| key.id).collect();
    let values = Values::of("ids", &ids).and("at", &at).record("event_", event);
    sql::execute(connection, REVOKE_ALL, &values)?;
    sql::execute(connection, &RECORD_ALL, &values)?;
    for key in &mut keys {
        key.revoked_at = Some(at);
        count_event();
    }
    Ok(keys)
}

/// The key and what was made with it, unless that is revoked. CROSS JOIN keeps its order: without statistics SQLite would take all
/// keys of the organization once for each.
static LINEAGE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH RECURSIVE made (id) AS (\
             SELECT $id UNION SELECT k.id FROM made CROSS JOIN api_keys AS k \
                 ON k.organization_id = $organization_id AND k.created_by_key_id = made.id\
         ) {} AND k.revoked_at IS NULL ORDER BY k.id <> $id, k.id LIMIT $limit",
        select::<ApiKey>("k.id IN (SELECT id FROM made)")
    )
});

pub(super) fn revoke_lineage(
    connection: &Connection,
    revoke: &RevokeKey,
    limit: Limit,
) -> Result<Option<Vec<ApiKey>>, Failure> {
    let RevokeKey { organization, id, at, event } = revoke;
    if find(connection, *organization, *id)?.is_none() {
        return Ok(None);
    }
    let values = Values::of("organization_id", organization).and("id", id).and("limit", &limit);
    let made: Vec<ApiKey> = sql::all(connection, &LINEAGE, &values)?;
    revoke_all(connection, made, *at, event).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_with_a_key_is_read_off_an_index() {
        let plan = crate::schema::plan(&LINEAGE);
        let search = "SEARCH k USING COVERING INDEX api_keys_of_maker (created_by_key_id=?";
        assert!(plan.iter().any(|step| step.starts_with(search)), "{plan:?}");
        assert!(!plan.iter().any(|step| step.starts_with("SCAN k")), "{plan:?}");
    }
}
