//! The keys of an organization.

use std::num::NonZeroU32;

use async_trait::async_trait;
use capykeys_domain::{
    model::{ApiKey, AuditEvent, DeviceName, KeyId, OrganizationId, ProjectId, Timestamp, UserId},
    ports::{Insertion, KeyStore, KeyUse, NewKey, Revocation, Unavailable},
};
use rusqlite::{Connection, params};

use crate::{
    SqliteStore,
    audit_log::record,
    error::Failure,
    rows::{self, key_columns},
    sql::{self, AFTER_EVERY_ID},
};

const INSERT: &str = "INSERT INTO api_keys (id, organization_id, name, key_prefix, scopes, source, \
     created_at, created_by_user_id, device_name, expires_at, last_used_at, project_id, revoked_at, \
     pepper_id, digest) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) ON CONFLICT DO NOTHING";
const SUSPENDED: &str = "SELECT suspended_at IS NOT NULL FROM organizations WHERE id = ?1";
const ACTIVE: &str = "SELECT revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?3) \
     FROM api_keys WHERE id = ?2 AND organization_id = ?1";
const FIND: &str =
    concat!("SELECT ", key_columns!(), " FROM api_keys AS k WHERE k.id = ?2 AND k.organization_id = ?1");
const LIST: &str = concat!(
    "SELECT ",
    key_columns!(),
    " FROM api_keys AS k WHERE k.organization_id = ?1 AND k.id < ?2 ORDER BY k.id DESC LIMIT ?3"
);
const REVOKE: &str = "UPDATE api_keys SET revoked_at = ?3 \
     WHERE id = ?2 AND organization_id = ?1 AND revoked_at IS NULL";
/// Writes only where there is something to write.
const USED: &str = "UPDATE api_keys SET last_used_at = ?2 \
     WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)";
const REVOKED_AT: &str = "SELECT revoked_at FROM api_keys WHERE id = ?2 AND organization_id = ?1";

#[async_trait]
impl KeyStore for SqliteStore {
    async fn insert(&self, new: &NewKey, event: &AuditEvent) -> Result<Insertion, Unavailable> {
        let (new, event) = (new.clone(), event.clone());
        self.write("insert key", move |connection| {
            let insertion = insert(connection, &new)?;
            if insertion == Insertion::Inserted {
                record(connection, &event)?;
            }
            Ok(insertion)
        })
        .await
    }

    async fn find(&self, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Unavailable> {
        self.read("find key", |connection| {
            let parameters = params![organization.uuid().into_bytes(), id.uuid().into_bytes()];
            sql::first(connection, FIND, parameters, rows::api_key)
        })
    }

    async fn list(
        &self,
        organization: OrganizationId,
        before: Option<KeyId>,
        limit: NonZeroU32,
    ) -> Result<Vec<ApiKey>, Unavailable> {
        self.read_many("list keys", move |connection| {
            let before = before.map(KeyId::uuid);
            let before = before.as_ref().map_or(AFTER_EVERY_ID, |id| id.as_bytes());
            let parameters = params![organization.uuid().into_bytes(), before, limit.get()];
            sql::all(connection, LIST, parameters, rows::api_key)
        })
        .await
    }

    async fn revoke(
        &self,
        organization: OrganizationId,
        id: KeyId,
        at: Timestamp,
        event: &AuditEvent,
    ) -> Result<Option<Revocation>, Unavailable> {
        let event = event.clone();
        self.write("revoke key", move |connection| {
            let (organization, id) = (organization.uuid().into_bytes(), id.uuid().into_bytes());
            let parameters = params![organization, id, at.unix_micros()];
            if sql::execute(connection, REVOKE, parameters)? > 0 {
                record(connection, &event)?;
                return Ok(Some(Revocation { revoked_at: at, newly: true }));
            }
            let parameters = params![organization, id];
            let revoked_at =
                sql::first(connection, REVOKED_AT, parameters, |columns| columns.time("revoked_at"))?;
            Ok(revoked_at.map(|revoked_at| Revocation { revoked_at, newly: false }))
        })
        .await
    }

    async fn record_uses(&self, uses: &[KeyUse]) -> Result<(), Unavailable> {
        let uses = uses.to_vec();
        self.write("record uses", move |connection| {
            for one in &uses {
                sql::execute(connection, USED, params![one.key.uuid().into_bytes(), one.at.unix_micros()])?;
            }
            Ok(())
        })
        .await
    }
}

/// What keeps the key from being stored, whoever asked for it. The writer's transaction holds
/// everybody else off meanwhile.
fn obstacle(connection: &Connection, new: &NewKey) -> Result<Option<Insertion>, Failure> {
    let organization = new.key.organization_id.uuid().into_bytes();
    match sql::first(connection, SUSPENDED, params![organization], |columns| columns.flag("suspended"))? {
        None => return Ok(Some(Insertion::NoOrganization)),
        Some(true) => return Ok(Some(Insertion::OrganizationSuspended)),
        Some(false) => {}
    }
    let Some(creator) = new.created_with else {
        return Ok(None);
    };
    let parameters = params![organization, creator.uuid().into_bytes(), new.key.created_at.unix_micros()];
    let active = sql::first(connection, ACTIVE, parameters, |columns| columns.flag("active"))?;
    Ok((active != Some(true)).then_some(Insertion::CreatorInactive))
}

fn insert(connection: &Connection, new: &NewKey) -> Result<Insertion, Failure> {
    if let Some(obstacle) = obstacle(connection, new)? {
        return Ok(obstacle);
    }
    let key = &new.key;
    let inserted = sql::execute(
        connection,
        INSERT,
        params![
            key.id.uuid().into_bytes(),
            key.organization_id.uuid().into_bytes(),
            key.name.as_str(),
            key.key_prefix.as_str(),
            rows::scopes_text(&key.scopes),
            key.source.as_str(),
            key.created_at.unix_micros(),
            key.created_by_user_id.as_ref().map(UserId::as_str),
            key.device_name.as_ref().map(DeviceName::as_str),
            key.expires_at.map(Timestamp::unix_micros),
            key.last_used_at.map(Timestamp::unix_micros),
            key.project_id.as_ref().map(ProjectId::as_str),
            key.revoked_at.map(Timestamp::unix_micros),
            new.digest.pepper_id().as_str(),
            new.digest.as_bytes(),
        ],
    )?;
    Ok(if inserted == 0 { Insertion::Duplicate } else { Insertion::Inserted })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_off_the_index_without_sorting() {
        assert_eq!(
            crate::schema::plan(LIST),
            ["SEARCH k USING INDEX api_keys_of_organization (organization_id=? AND id<?)"]
        );
    }
}
