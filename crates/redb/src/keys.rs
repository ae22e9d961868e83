//! The keys of organizations.

mod many;

use std::time::Instant;

use async_trait::async_trait;
use capykeys_domain::{
    model::{ApiKey, AuditEvent, Creator, KeyId, Organization, OrganizationId},
    ports::{
        Change, EndingKey, EndingKeys, ExpiryNotice, IdleRotations, Insertion, KeyChange, KeyChanged,
        KeyQuery, KeyStore, KeyUse, Limit, NewKey, Revocation, RevokeKey, RevokeKeys, StoredKey, Unavailable,
    },
};
use capykeys_storage::{Document, Row as _, operation};
use redb::{ReadableTable, WriteTransaction};

use crate::{
    RedbStore,
    audit_log::record,
    change_feed::tell,
    error::Failure,
    expiry::note_ending,
    once::{find_request, store_request},
    tables::{
        BROUGHT, FINISHING, KEYS, KEYS_BY_DIGEST, KEYS_OF_ORGANIZATION, NUMBERS, ORGANIZATIONS, Reads,
        expect, find, get, put,
    },
};

#[async_trait]
impl KeyStore for RedbStore {
    async fn insert_key(&self, new: NewKey, event: AuditEvent) -> Result<Insertion, Unavailable> {
        let host = self.host().clone();
        self.write(operation::INSERT_KEY, move |transaction| {
            // Judged in the transaction that stores it: nobody else can write before its end.
            let insertion = match obstacle(transaction, &new)? {
                Some(obstacle) => obstacle,
                None => insert(transaction, &new)?,
            };
            if insertion == Insertion::Inserted {
                record(transaction, AuditEvent { project_id: new.key.project_id, ..event })?;
                if new.key.brought.is_some() {
                    tell(transaction, &host, Change::Brought(new.key.organization_id))?;
                }
            }
            Ok(insertion)
        })
        .await
    }

    async fn find_key(&self, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Unavailable> {
        self.read(operation::FIND_KEY, move |transaction| {
            let key: Option<ApiKey> = find(&transaction.table(KEYS)?, id.uuid().as_u128())?;
            Ok(key.filter(|key| key.organization_id == organization))
        })
        .await
    }

    async fn list_keys(&self, query: KeyQuery) -> Result<Vec<ApiKey>, Unavailable> {
        let overdue = self.end();
        self.read(operation::LIST_KEYS, move |transaction| page(transaction, &query, overdue)).await
    }

    async fn revoke_key(&self, revoke: RevokeKey) -> Result<Option<Revocation>, Unavailable> {
        let host = self.host().clone();
        self.write(operation::REVOKE_KEY, move |transaction| {
            let RevokeKey { organization, id, at, event } = revoke;
            let Some((document, key)) = stored(transaction, id)? else { return Ok(None) };
            if key.organization_id != organization {
                return Ok(None);
            }
            if let Some(revoked_at) = key.revoked_at {
                return Ok(Some(Revocation { revoked_at, newly: false }));
            }
            let revoked = ApiKey { revoked_at: Some(at), ..key };
            store(transaction, id, &document.with(&revoked))?;
            record(transaction, AuditEvent { project_id: revoked.project_id, ..event })?;
            tell(transaction, &host, Change::Key(id))?;
            Ok(Some(Revocation { revoked_at: at, newly: true }))
        })
        .await
    }

    async fn revoke_keys(&self, revoke: RevokeKeys) -> Result<Vec<ApiKey>, Unavailable> {
        let (host, overdue) = (self.host().clone(), self.end());
        self.write(operation::REVOKE_KEYS, move |transaction| {
            many::revoke(transaction, &host, &revoke, overdue)
        })
        .await
    }

    async fn revoke_lineage(
        &self,
        revoke: RevokeKey,
        limit: Limit,
    ) -> Result<Option<Vec<ApiKey>>, Unavailable> {
        let (host, overdue) = (self.host().clone(), self.end());
        self.write(operation::REVOKE_LINEAGE, move |transaction| {
            many::revoke_lineage(transaction, &host, &revoke, limit, overdue)
        })
        .await
    }

    async fn change_key(&self, change: KeyChange) -> Result<KeyChanged, Unavailable> {
        let host = self.host().clone();
        self.write(operation::CHANGE_KEY, move |transaction| {
            let KeyChange { before, after, event, .. } = &change;
            if let Some(by) = &change.by {
                let (organization, created_with) = judges(transaction, after.organization_id, by)?;
                if let Some(obstacle) = change.obstacle(organization.as_ref(), created_with.as_ref()) {
                    return Ok(KeyChanged::Refused(obstacle));
                }
            }
            let found = stored(transaction, after.id)?;
            let Some((document, key)) = found.filter(|(_, key)| key.is_as(before)) else {
                return Ok(KeyChanged::Stale);
            };
            if change.is_any() {
                let stored: StoredKey = document.record("")?;
                let changed = stored.clone().changed(&change);
                if let Some(secret) = &change.secret
                    && transaction.open_table(KEYS_BY_DIGEST)?.get(secret.digest.as_bytes())?.is_some()
                {
                    return Ok(KeyChanged::Refused(Insertion::Duplicate));
                }
                move_digests(transaction, &stored, &changed)?;
                store(transaction, after.id, &document.with(&changed))?;
                record(transaction, AuditEvent { project_id: key.project_id, ..event.clone() })?;
                tell(transaction, &host, Change::Key(key.id))?;
            }
            Ok(KeyChanged::Done)
        })
        .await
    }

    async fn find_idle_rotations(&self, query: IdleRotations) -> Result<Vec<ApiKey>, Unavailable> {
        self.read(operation::FIND_IDLE_ROTATIONS, move |transaction| {
            let (finishing, keys) = (transaction.table(FINISHING)?, transaction.table(KEYS)?);
            let all = finishing.iter()?.map(|entry| expect::<_, ApiKey>(&keys, entry?.0.value(), "id"));
            let idle = all.filter(|key| key.as_ref().map_or(true, |key| key.has_an_idle_secret(query.at)));
            idle.take(query.limit.get().into()).collect()
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
        self.write(operation::RECORD_USES, move |transaction| {
            for one in uses {
                let Some((document, _)) = stored(transaction, one.key)? else { continue };
                let mut noted: StoredKey = document.record("")?;
                let before = noted.clone();
                noted.used(one);
                if noted != before {
                    store(transaction, one.key, &document.with(&noted))?;
                }
            }
            Ok(())
        })
        .await
    }
}

/// A page of a list.
fn page(transaction: &impl Reads, query: &KeyQuery, overdue: Instant) -> Result<Vec<ApiKey>, Failure> {
    let own = transaction.table(KEYS_OF_ORGANIZATION)?;
    let keys = transaction.table(KEYS)?;
    let organization = query.organization.uuid().as_u128();
    let end = query.before.map_or(u128::MAX, |before| before.uuid().as_u128());
    let mut page = Vec::new();
    for entry in own.range((organization, 0)..(organization, end))?.rev() {
        // A filter may choose few of many, and nobody waits for the rest.
        if Instant::now() >= overdue {
            return Err(Failure::Overdue);
        }
        let key: ApiKey = expect(&keys, entry?.0.value().1, "id")?;
        page.extend(Some(key).filter(|key| query.filter.admits(key)));
        if page.len() == usize::from(query.limit.get()) {
            break;
        }
    }
    Ok(page)
}

/// What keeps the key from being stored.
fn obstacle(transaction: &WriteTransaction, new: &NewKey) -> Result<Option<Insertion>, Failure> {
    let (organization, created_with) = judges(transaction, new.key.organization_id, &new.creator)?;
    let obstacle = new.obstacle(organization.as_ref(), created_with.as_ref());
    let Some(record) = new.idempotency.as_ref().filter(|_| obstacle.is_none()) else { return Ok(obstacle) };
    let before = find_request(transaction, record, new.key.created_at)?;
    Ok(before.map(|before| Insertion::Repeated(Box::new(before))))
}

/// By what it is judged: the organization, and the key whose right it is.
fn judges(
    transaction: &WriteTransaction,
    id: OrganizationId,
    creator: &Creator,
) -> Result<(Option<Organization>, Option<ApiKey>), Failure> {
    let created_with = match creator {
        Creator::Key(key, _) => find(&transaction.table(KEYS)?, key.uuid().as_u128())?,
        Creator::Session(_) | Creator::Operator => None,
    };
    Ok((find(&transaction.table(ORGANIZATIONS)?, id.uuid().as_u128())?, created_with))
}

fn insert(transaction: &WriteTransaction, new: &NewKey) -> Result<Insertion, Failure> {
    let (key, digest) = (new.key.clone(), new.digest.clone());
    let stored = StoredKey { key, digest, previous_digest: None, expiry_noticed_until: None };
    if !add(transaction, &stored)? {
        return Ok(Insertion::Duplicate);
    }
    if let Some(record) = &new.idempotency {
        store_request(transaction, record, &new.key, new.key.created_at)?;
    }
    Ok(Insertion::Inserted)
}

/// Stores a key, unless its id or a digest of its is there.
pub(crate) fn add(transaction: &WriteTransaction, stored: &StoredKey) -> Result<bool, Failure> {
    let id = stored.key.id.uuid().as_u128();
    let mut keys = transaction.open_table(KEYS)?;
    let mut by_digest = transaction.open_table(KEYS_BY_DIGEST)?;
    if keys.get(id)?.is_some() {
        return Ok(false);
    }
    for digest in stored.digests() {
        if by_digest.get(digest.as_bytes())?.is_some() {
            return Ok(false);
        }
    }
    put(&mut keys, id, &Document::of(stored))?;
    for digest in stored.digests() {
        by_digest.insert(digest.as_bytes(), id)?;
    }
    let organization = stored.key.organization_id.uuid().as_u128();
    transaction.open_table(KEYS_OF_ORGANIZATION)?.insert((organization, id), ())?;
    note_finishing(transaction, stored)?;
    if stored.key.brought.is_some() {
        transaction.open_table(NUMBERS)?.insert(BROUGHT, 1)?;
    }
    note_ending(transaction, None, stored)?;
    Ok(true)
}

fn note_finishing(transaction: &WriteTransaction, stored: &StoredKey) -> Result<(), Failure> {
    let mut finishing = transaction.open_table(FINISHING)?;
    let (id, rotation) = (stored.key.id.uuid().as_u128(), stored.key.rotation.as_ref());
    if rotation.is_some_and(|it| it.finish_when_idle.is_some()) && stored.previous_digest.is_some() {
        finishing.insert(id, ())?;
    } else {
        finishing.remove(id)?;
    }
    Ok(())
}

/// Has the key found by what it is to be found by, and by nothing else.
fn move_digests(
    transaction: &WriteTransaction,
    before: &StoredKey,
    after: &StoredKey,
) -> Result<(), Failure> {
    let mut by_digest = transaction.open_table(KEYS_BY_DIGEST)?;
    for digest in before.digests() {
        by_digest.remove(digest.as_bytes())?;
    }
    for digest in after.digests() {
        by_digest.insert(digest.as_bytes(), after.key.id.uuid().as_u128())?;
    }
    note_finishing(transaction, after)
}

/// The key of this id, and its document, which whoever changes the key puts the change into.
pub(crate) fn stored(
    transaction: &WriteTransaction,
    id: KeyId,
) -> Result<Option<(Document, ApiKey)>, Failure> {
    let Some(document) = get(&transaction.open_table(KEYS)?, id.uuid().as_u128())? else { return Ok(None) };
    let key = document.record("")?;
    Ok(Some((document, key)))
}

/// Stores the document of a key that is there.
pub(crate) fn store(transaction: &WriteTransaction, id: KeyId, document: &Document) -> Result<(), Failure> {
    let mut keys = transaction.open_table(KEYS)?;
    let before = get(&keys, id.uuid().as_u128())?.map(|before| before.record("")).transpose()?;
    note_ending(transaction, before.as_ref(), &document.record("")?)?;
    put(&mut keys, id.uuid().as_u128(), document)
}
