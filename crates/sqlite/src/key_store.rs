//! The keys of an organization.

use std::num::NonZeroU32;

use async_trait::async_trait;
use capykeys_domain::{
    model::{ApiKey, AuditEvent, Creator, DeviceName, KeyId, OrganizationId, ProjectId, Timestamp, UserId},
    ports::{Insertion, KeyStore, KeyUse, NewKey, Revocation, Unavailable},
};
use rusqlite::{Connection, params};

use crate::{
    SqliteStore,
    audit_log::record,
    error::Failure,
    organizations,
    rows::{self, key_columns},
    sql::{self, AFTER_EVERY_ID, Columns},
};

const INSERT: &str = "INSERT INTO api_keys (id, organization_id, name, key_prefix, scopes, source, \
     created_at, created_by_user_id, device_name, expires_at, last_used_at, project_id, revoked_at, \
     pepper_id, digest) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) ON CONFLICT DO NOTHING";
const FIND: &str =
    concat!("SELECT ", key_columns!(), " FROM api_keys AS k WHERE k.id = ?2 AND k.organization_id = ?1");
const LIST: &str = concat!(
    "SELECT ",
    key_columns!(),
    " FROM api_keys AS k WHERE k.organization_id = ?1 AND k.id < ?2 ORDER BY k.id DESC LIMIT ?3"
);
const REVOKE: &str = "UPDATE api_keys SET revoked_at = ?3 \
     WHERE id = ?2 AND organization_id = ?1 AND revoked_at IS NULL RETURNING project_id";
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
                record(connection, &AuditEvent { project_id: new.key.project_id, ..event })?;
            }
            Ok(insertion)
        })
        .await
    }

    async fn find(&self, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Unavailable> {
        self.read("find key", |connection| find(connection, organization, id))
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
            let project_id = |columns: &mut Columns<'_>| {
                columns.optional_text("project_id", |text| ProjectId::parse(text).ok())
            };
            if let Some(project_id) = sql::first(connection, REVOKE, parameters, project_id)? {
                record(connection, &AuditEvent { project_id, ..event })?;
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

fn find(connection: &Connection, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Failure> {
    let parameters = params![organization.uuid().into_bytes(), id.uuid().into_bytes()];
    sql::first(connection, FIND, parameters, rows::api_key)
}

/// What keeps the key from being stored. The writer's transaction holds everybody else off meanwhile.
fn obstacle(connection: &Connection, new: &NewKey) -> Result<Option<Insertion>, Failure> {
    let organization = organizations::find(connection, new.key.organization_id)?;
    let created_with = match new.creator {
        Creator::Key(id) => find(connection, new.key.organization_id, id)?,
        Creator::Session(_) | Creator::Operator => None,
    };
    Ok(new.obstacle(organization.as_ref(), created_with.as_ref()))
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
