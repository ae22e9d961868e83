//! The keys of an organization.

use std::num::NonZeroU32;

use async_trait::async_trait;
use capykeys_domain::{
    model::{
        ApiKey, AuditEvent, Creator, DeviceName, KeyId, OrganizationId, ProjectId, Scope, Timestamp, UserId,
    },
    policy::{Denial, Forbidden},
    ports::{Insertion, KeyStore, KeyUse, NewKey, Revocation, Unavailable},
};
use tokio_postgres::{Row, types::Type};

use crate::{
    audit::{EventValues, given_details, insert_event},
    failure::Failure,
    instant::Instant,
    line::answer,
    pool::Param,
    rows::{Reader, key_columns},
    store::PostgresStore,
};

/// What stood in the way, if anything did, and whether the key was stored: [`NewKey::obstacle`] in
/// SQL, with `$25` for the key and `$26` for the session that it is created by.
///
/// The rows of the organization and of the creating key are locked before they are looked at, as
/// in [`REVOKE`]: a change of either comes before this or after it. A conflict is not made an error:
/// the server would log the error with the digest in it.
const INSERT: &str = concat!(
    ", organization AS (\
         SELECT clerk_organization_id, suspended_at FROM organizations, line WHERE organizations.id = $11 \
         FOR SHARE OF organizations\
     ), creator AS (\
         SELECT scopes, expires_at, project_id, revoked_at FROM api_keys \
         WHERE organization_id = $11 AND id = $25 FOR SHARE\
     ), refused_scope AS (\
         SELECT scope FROM creator, unnest($14) WITH ORDINALITY AS asked (scope, place) \
         WHERE NOT scopes && ARRAY[scope, '*'] ORDER BY place LIMIT 1\
     ), verdict AS (\
         SELECT CASE \
             WHEN NOT EXISTS (SELECT FROM organization) THEN 'no organization' \
             WHEN $26 <> COALESCE((SELECT clerk_organization_id FROM organization), '') THEN 'not its own' \
             WHEN (SELECT suspended_at FROM organization) IS NOT NULL THEN 'suspended' \
             WHEN $25 IS NULL THEN NULL \
             WHEN NOT EXISTS (SELECT FROM creator WHERE revoked_at IS NULL \
                 AND (expires_at IS NULL OR expires_at > $16)) THEN 'inactive' \
             WHEN (SELECT project_id FROM creator) IS NOT NULL THEN 'project' \
             WHEN (SELECT NOT scopes && ARRAY['api_keys:write', '*'] FROM creator) THEN 'no right' \
             WHEN EXISTS (SELECT FROM refused_scope) THEN 'scope' \
             WHEN (SELECT expires_at < COALESCE($19, 'infinity') FROM creator) THEN 'outlives' \
         END AS obstacle FROM line\
     ), inserted AS (\
         INSERT INTO api_keys \
             (id, organization_id, name, key_prefix, scopes, source, created_at, created_by_user_id, \
              device_name, expires_at, last_used_at, project_id, revoked_at, pepper_id, digest) \
         SELECT $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24 \
         FROM verdict WHERE obstacle IS NULL \
         ON CONFLICT DO NOTHING RETURNING project_id\
     ), logged AS (",
    insert_event!("project_id", given_details!()),
    "FROM inserted)",
    answer!(
        "SELECT true AS found, obstacle, EXISTS (SELECT FROM inserted), (SELECT scope FROM refused_scope) \
         FROM verdict"
    )
);

const FIND: &str = answer!(
    "SELECT true AS found, ",
    key_columns!("k"),
    " FROM api_keys k WHERE k.organization_id = $1 AND k.id = $2"
);

const LIST: &str = concat!(
    answer!(
        "SELECT true AS found, ",
        key_columns!("k"),
        " FROM api_keys k WHERE k.organization_id = $1 AND ($2 IS NULL OR k.id < $2) \
         ORDER BY k.id DESC LIMIT $3"
    ),
    " ORDER BY answer.id DESC"
);

/// The row is locked before it is looked at: of two at once, the second waits for the first and
/// then reads what the first committed, which the snapshot of its own statement does not show.
const REVOKE: &str = concat!(
    ", target AS (\
         SELECT k.id, k.revoked_at FROM api_keys k, line WHERE k.organization_id = $10 AND k.id = $11 \
         FOR NO KEY UPDATE OF k\
     ), revoked AS (\
         UPDATE api_keys k SET revoked_at = $12 FROM target \
         WHERE k.id = target.id AND target.revoked_at IS NULL RETURNING k.revoked_at, k.project_id\
     ), logged AS (",
    insert_event!("project_id", given_details!()),
    "FROM revoked)",
    answer!(
        "SELECT true AS found, COALESCE(target.revoked_at, revoked.revoked_at), target.revoked_at IS NULL \
         FROM target LEFT JOIN revoked ON true"
    )
);

/// How many of the keys are left because somebody else has locked them.
///
/// It takes the locks in the order of the ids and waits for none: a statement that holds a thousand keys
/// and waits for one more would hold up the revocations of the thousand, and two such statements
/// could wait for each other. A key with a later time is not written, so nothing is where nothing is new.
const RECORD_USES: &str = concat!(
    ", used AS (\
         SELECT used.id, max(at) AS at FROM line, unnest($1, $2) AS used (id, at) GROUP BY used.id\
     ), late AS (\
         SELECT k.id, used.at FROM api_keys k JOIN used USING (id) \
         WHERE k.last_used_at IS NULL OR k.last_used_at < used.at\
     ), target AS (\
         SELECT k.id, late.at FROM api_keys k JOIN late USING (id) \
         WHERE k.last_used_at IS NULL OR k.last_used_at < late.at \
         ORDER BY k.id FOR NO KEY UPDATE OF k SKIP LOCKED\
     ), recorded AS (\
         UPDATE api_keys k SET last_used_at = target.at FROM target WHERE k.id = target.id RETURNING k.id\
     )",
    answer!("SELECT true AS found, (SELECT count(*) FROM late) - (SELECT count(*) FROM recorded)")
);

#[async_trait]
impl KeyStore for PostgresStore {
    async fn insert(&self, new: &NewKey, event: &AuditEvent) -> Result<Insertion, Unavailable> {
        let key = &new.key;
        let (id, organization_id) = (key.id.uuid(), key.organization_id.uuid());
        let (name, key_prefix, source) = (key.name.as_str(), key.key_prefix.as_str(), key.source.as_str());
        let scopes: Vec<&str> = key.scopes.iter().map(Scope::as_str).collect();
        let [created_at, expires_at, last_used_at, revoked_at] =
            [Some(key.created_at), key.expires_at, key.last_used_at, key.revoked_at]
                .map(|time| time.map(Instant));
        let created_by = key.created_by_user_id.as_ref().map(UserId::as_str);
        let device_name = key.device_name.as_ref().map(DeviceName::as_str);
        let project_id = key.project_id.as_ref().map(ProjectId::as_str);
        let (pepper_id, digest) = (new.digest.pepper_id().as_str(), new.digest.as_bytes().as_slice());
        let (created_with, signed_in_to) = match &new.creator {
            Creator::Key(id) => (Some(id.uuid()), None),
            Creator::Session(organization) => (None, Some(organization.as_str())),
            Creator::Operator => (None, None),
        };
        let params: [Param<'_>; 17] = [
            (&id, Type::UUID),
            (&organization_id, Type::UUID),
            (&name, Type::TEXT),
            (&key_prefix, Type::TEXT),
            (&scopes, Type::TEXT_ARRAY),
            (&source, Type::TEXT),
            (&created_at, Type::TIMESTAMPTZ),
            (&created_by, Type::TEXT),
            (&device_name, Type::TEXT),
            (&expires_at, Type::TIMESTAMPTZ),
            (&last_used_at, Type::TIMESTAMPTZ),
            (&project_id, Type::TEXT),
            (&revoked_at, Type::TIMESTAMPTZ),
            (&pepper_id, Type::TEXT),
            (&digest, Type::BYTEA),
            (&created_with, Type::UUID),
            (&signed_in_to, Type::TEXT),
        ];
        let rows = self.pool.run(INSERT, &EventValues::new(event).params(params)).await;
        rows.and_then(|rows| read_insertion(&rows)).map_err(|failure| failure.during("insert a key"))
    }

    async fn find(&self, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Unavailable> {
        let (organization, id) = (organization.uuid(), id.uuid());
        let params: [Param<'_>; 2] = [(&organization, Type::UUID), (&id, Type::UUID)];
        let rows = self.pool.run(FIND, &params).await;
        let keys = rows.and_then(|rows| read_keys(&rows)).map_err(|failure| failure.during("find a key"))?;
        Ok(keys.into_iter().next())
    }

    async fn list(
        &self,
        organization: OrganizationId,
        before: Option<KeyId>,
        limit: NonZeroU32,
    ) -> Result<Vec<ApiKey>, Unavailable> {
        let (organization, before) = (organization.uuid(), before.map(KeyId::uuid));
        let limit = i64::from(limit.get());
        let params: [Param<'_>; 3] =
            [(&organization, Type::UUID), (&before, Type::UUID), (&limit, Type::INT8)];
        let rows = self.pool.run(LIST, &params).await;
        rows.and_then(|rows| read_keys(&rows)).map_err(|failure| failure.during("list keys"))
    }

    async fn revoke(
        &self,
        organization: OrganizationId,
        id: KeyId,
        at: Timestamp,
        event: &AuditEvent,
    ) -> Result<Option<Revocation>, Unavailable> {
        let (organization, id, at) = (organization.uuid(), id.uuid(), Instant(at));
        let params: [Param<'_>; 3] =
            [(&organization, Type::UUID), (&id, Type::UUID), (&at, Type::TIMESTAMPTZ)];
        let rows = self.pool.run(REVOKE, &EventValues::new(event).params(params)).await;
        rows.and_then(|rows| rows.first().map(read_revocation).transpose())
            .map_err(|failure| failure.during("revoke a key"))
    }

    async fn record_uses(&self, uses: &[KeyUse]) -> Result<(), Unavailable> {
        const OPERATION: &str = "record uses";
        let (ids, times): (Vec<_>, Vec<_>) = uses.iter().map(|one| (one.key.uuid(), Instant(one.at))).unzip();
        let params: [Param<'_>; 2] = [(&ids, Type::UUID_ARRAY), (&times, Type::TIMESTAMPTZ_ARRAY)];
        let rows = self.pool.run(RECORD_USES, &params).await;
        let left = rows.and_then(|rows| read_count(&rows)).map_err(|failure| failure.during(OPERATION))?;
        if left == 0 {
            return Ok(());
        }
        Err(Unavailable::new("postgres", format_args!("{OPERATION}: {left} of the keys are locked")))
    }
}

fn read_count(rows: &[Row]) -> Result<i64, Failure> {
    Reader::new(rows.first().ok_or(Failure::UnreadableRow)?).value()
}

fn read_keys(rows: &[Row]) -> Result<Vec<ApiKey>, Failure> {
    rows.iter().map(|row| Reader::new(row).key()).collect()
}

fn read_insertion(rows: &[Row]) -> Result<Insertion, Failure> {
    let mut reader = Reader::new(rows.first().ok_or(Failure::UnreadableRow)?);
    let (obstacle, inserted): (Option<&str>, bool) = (reader.value()?, reader.value()?);
    let Some(obstacle) = obstacle else {
        return Ok(if inserted { Insertion::Inserted } else { Insertion::Duplicate });
    };
    let forbidden = match obstacle {
        "no organization" => return Ok(Insertion::NoOrganization),
        "not its own" => return Ok(Insertion::Denied(Denial::AnotherOrganization)),
        "inactive" => return Ok(Insertion::CreatorInactive),
        "suspended" => Forbidden::OrganizationSuspended,
        "project" => Forbidden::ProjectKey,
        "no right" => Forbidden::MissingScope(Scope::ApiKeysWrite),
        "scope" => Forbidden::ScopeNotHeld(reader.scope()?),
        "outlives" => Forbidden::OutlivesCreator,
        _ => return Err(Failure::UnreadableRow),
    };
    Ok(Insertion::Denied(forbidden.into()))
}

fn read_revocation(row: &Row) -> Result<Revocation, Failure> {
    let mut reader = Reader::new(row);
    Ok(Revocation { revoked_at: reader.time()?, newly: reader.value()? })
}
