//! The keys of an organization.

mod many;

use std::sync::LazyLock;

use async_trait::async_trait;
use capykeys_domain::{
    model::{ApiKey, AuditEvent, Creator, KeyId, Organization, OrganizationId, Timestamp},
    ports::{
        EndingKey, EndingKeys, ExpiryNotice, IdleRotations, Insertion, KeyChange, KeyChanged, KeyQuery,
        KeyStore, KeyUse, Limit, NewKey, Revocation, RevokeKey, RevokeKeys, StoredKey, Unavailable,
    },
    secret::KeyDigest,
};
use capykeys_storage::{CHANGING, Columns, DIGESTS, KeyPage, Record, Row as _, Values, operation, set_aside};
use rusqlite::Connection;

use crate::{SqliteStore, audit_log::record, error::Failure, once, organizations, sql};

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let key = Columns::of::<ApiKey>("").with(Columns::of::<KeyDigest>(""));
    format!(
        "INSERT INTO api_keys ({}) SELECT {} \
         WHERE NOT EXISTS (SELECT 1 FROM api_keys WHERE previous_digest = $digest OR digest = $aside) \
         ON CONFLICT DO NOTHING",
        key.names(),
        key.parameters()
    )
});
static FIND: LazyLock<String> = LazyLock::new(|| select::<ApiKey>("k.id = $id"));
static FIND_STORED: LazyLock<String> = LazyLock::new(|| select::<StoredKey>("k.id = $id"));
static IDLE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} WHERE k.finish_when_idle IS NOT NULL AND k.previous_digest IS NOT NULL AND k.previous_expires_at > $at \
             AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $at) \
             AND max(k.rotated_at, coalesce(k.previous_last_used_at, k.rotated_at)) + k.finish_when_idle <= $at \
         LIMIT $limit",
        from::<ApiKey>()
    )
});
const REVOKE: &str = "UPDATE api_keys SET revoked_at = $at \
     WHERE id = $id AND organization_id = $organization_id AND revoked_at IS NULL RETURNING project_id";
static CHANGE: LazyLock<String> = LazyLock::new(|| {
    let columns =
        Columns::of::<StoredKey>("").only(&[&CHANGING[..], &DIGESTS, &["previous_last_used_at"]].concat());
    format!("UPDATE api_keys SET ({}) = ({}) WHERE id = $id", columns.names(), columns.parameters())
});
const TAKEN: &str =
    "SELECT true AS taken FROM api_keys WHERE digest IN ($digest, $aside) OR previous_digest = $digest";
/// Writes only where there is something to write.
const USED: &str = "UPDATE api_keys SET last_used_at = max($at, coalesce(last_used_at, $at)), \
         previous_last_used_at = CASE WHEN rotated_at IS NOT NULL AND ($with_previous OR $at <= rotated_at) \
             THEN max($at, coalesce(previous_last_used_at, $at)) ELSE previous_last_used_at END \
     WHERE id = $id AND (last_used_at IS NULL OR last_used_at < $at \
         OR rotated_at IS NOT NULL AND ($with_previous OR $at <= rotated_at) \
             AND (previous_last_used_at IS NULL OR previous_last_used_at < $at))";
const REVOKED: &str = "SELECT revoked_at, 0 AS newly FROM api_keys \
     WHERE id = $id AND organization_id = $organization_id";

/// Finds those of the organization for which `condition` is true of `k`.
fn select<R: Record>(condition: &str) -> String {
    format!("{} WHERE k.organization_id = $organization_id AND {condition}", from::<R>())
}

fn from<R: Record>() -> String {
    format!("SELECT {} FROM api_keys AS k", Columns::of::<R>("").from("k"))
}

/// A page of keys. The scopes are one text, with a space between each two.
fn page(query: &KeyQuery) -> (String, Values<'_>) {
    let page = KeyPage::of(
        query,
        "instr(' ' || k.scopes || ' ', ' ' || $scope || ' ') > 0",
        "k.id IN (SELECT unhex(value) FROM json_each(nullif($ids, '')))",
    );
    (format!("{} {}", from::<ApiKey>(), page.text), page.values)
}

#[async_trait]
impl KeyStore for SqliteStore {
    async fn insert_key(&self, new: NewKey, event: AuditEvent) -> Result<Insertion, Unavailable> {
        self.write(operation::INSERT_KEY, move |connection| {
            let insertion = insert(connection, &new, event.at)?;
            if insertion == Insertion::Inserted {
                record(connection, &AuditEvent { project_id: new.key.project_id, ..event })?;
            }
            Ok(insertion)
        })
        .await
    }

    async fn find_key(&self, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Unavailable> {
        self.read(operation::FIND_KEY, |connection| find(connection, organization, id))
    }

    async fn list_keys(&self, query: KeyQuery) -> Result<Vec<ApiKey>, Unavailable> {
        self.read_many(operation::LIST_KEYS, move |connection| {
            let (text, values) = page(&query);
            sql::all(connection, &text, &values)
        })
        .await
    }

    async fn revoke_key(&self, revoke: RevokeKey) -> Result<Option<Revocation>, Unavailable> {
        self.write(operation::REVOKE_KEY, move |connection| {
            let RevokeKey { organization, id, at, event } = revoke;
            let values = Values::of("organization_id", &organization).and("id", &id).and("at", &at);
            let revoked = sql::each(connection, REVOKE, &values, |key| key.field("project_id"))?;
            if let Some(project_id) = revoked.into_iter().next() {
                record(connection, &AuditEvent { project_id, ..event })?;
                return Ok(Some(Revocation { revoked_at: at, newly: true }));
            }
            sql::first(connection, REVOKED, &values)
        })
        .await
    }

    async fn revoke_keys(&self, revoke: RevokeKeys) -> Result<Vec<ApiKey>, Unavailable> {
        self.write(operation::REVOKE_KEYS, move |connection| many::revoke(connection, &revoke)).await
    }

    async fn revoke_lineage(
        &self,
        revoke: RevokeKey,
        limit: Limit,
    ) -> Result<Option<Vec<ApiKey>>, Unavailable> {
        self.write(operation::REVOKE_LINEAGE, move |connection| {
            many::revoke_lineage(connection, &revoke, limit)
        })
        .await
    }

    async fn change_key(&self, change: KeyChange) -> Result<KeyChanged, Unavailable> {
        self.write(operation::CHANGE_KEY, move |connection| {
            let KeyChange { before, after, event, .. } = &change;
            if let Some(by) = &change.by {
                let (organization, created_with) = judges(connection, after.organization_id, by)?;
                if let Some(obstacle) = change.obstacle(organization.as_ref(), created_with.as_ref()) {
                    return Ok(KeyChanged::Refused(obstacle));
                }
            }
            let own = Values::of("organization_id", &after.organization_id).and("id", &after.id);
            let stored: Option<StoredKey> = sql::first(connection, &FIND_STORED, &own)?;
            let Some(stored) = stored.filter(|stored| stored.key.is_as(before)) else {
                return Ok(KeyChanged::Stale);
            };
            if change.is_any() {
                if let Some(secret) = &change.secret
                    && is_taken(connection, &secret.digest)?
                {
                    return Ok(KeyChanged::Refused(Insertion::Duplicate));
                }
                let project_id = stored.key.project_id.clone();
                let changed = stored.changed(&change);
                sql::execute(connection, &CHANGE, &Values::default().record("", &changed))?;
                record(connection, &AuditEvent { project_id, ..event.clone() })?;
            }
            Ok(KeyChanged::Done)
        })
        .await
    }

    async fn find_idle_rotations(&self, query: IdleRotations) -> Result<Vec<ApiKey>, Unavailable> {
        self.read_many(operation::FIND_IDLE_ROTATIONS, move |connection| {
            let IdleRotations { at, limit } = &query;
            sql::all(connection, &IDLE, &Values::of("at", at).and("limit", limit))
        })
        .await
    }

    async fn find_ending_keys(&self, query: EndingKeys) -> Result<Vec<EndingKey>, Unavailable> {
        self.ending_keys(query).await
    }

    async fn notice_expiry(&self, notice: ExpiryNotice) -> Result<bool, Unavailable> {
        self.notice(notice).await
    }

    async fn record_uses(&self, uses: Vec<KeyUse>) -> Result<(), Unavailable> {
        self.write(operation::RECORD_USES, move |connection| {
            for KeyUse { key, at, with_previous } in &uses {
                let values = Values::of("id", key).and("at", at).and("with_previous", with_previous);
                sql::execute(connection, USED, &values)?;
            }
            Ok(())
        })
        .await
    }
}

fn find(connection: &Connection, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Failure> {
    sql::first(connection, &FIND, &Values::of("organization_id", &organization).and("id", &id))
}

/// Whether a key has the secret, or had it before.
fn is_taken(connection: &Connection, digest: &KeyDigest) -> Result<bool, Failure> {
    let (own, aside) = (digest.as_bytes(), set_aside(digest));
    let values = Values::of("digest", own).and("aside", aside.as_bytes());
    Ok(!sql::each(connection, TAKEN, &values, |_| Ok(()))?.is_empty())
}

/// What keeps the key from being stored. The writer's transaction holds everybody else off meanwhile.
fn obstacle(connection: &Connection, new: &NewKey) -> Result<Option<Insertion>, Failure> {
    let (organization, created_with) = judges(connection, new.key.organization_id, &new.creator)?;
    Ok(new.obstacle(organization.as_ref(), created_with.as_ref()))
}

/// By what it is judged: the organization, and the key whose right it is.
fn judges(
    connection: &Connection,
    id: OrganizationId,
    creator: &Creator,
) -> Result<(Option<Organization>, Option<ApiKey>), Failure> {
    let created_with = match creator {
        Creator::Key(key, _) => find(connection, id, *key)?,
        Creator::Session(_) | Creator::Operator => None,
    };
    Ok((organizations::find(connection, id)?, created_with))
}

fn insert(connection: &Connection, new: &NewKey, now: Timestamp) -> Result<Insertion, Failure> {
    if let Some(obstacle) = obstacle(connection, new)? {
        return Ok(obstacle);
    }
    let record = new.idempotency.as_ref();
    if let Some(before) = record.map(|it| once::find(connection, it, &new.key, now)).transpose()?.flatten() {
        return Ok(Insertion::Repeated(Box::new(before)));
    }
    let aside = *set_aside(&new.digest).as_bytes();
    let values = Values::of("aside", &aside).record("", &new.key).record("", &new.digest);
    if sql::execute(connection, &INSERT, &values)? == 0 {
        return Ok(Insertion::Duplicate);
    }
    if let Some(record) = record {
        once::store(connection, record, &new.key, now)?;
    }
    Ok(Insertion::Inserted)
}

#[cfg(test)]
mod tests;
