//! Filling the store.

use std::collections::HashSet;

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditRecord, Organization},
    ports::{Import, Imported, StoreHead, StoredKey, StoredRows, Unavailable, missing},
    secret::RecordedPepper,
};
use capykeys_storage::{Document, Record, operation};
use redb::{Key, ReadableTable, WriteTransaction};

use crate::{
    RedbStore, audit_log,
    change_feed::restart,
    error::Failure,
    keys, organizations,
    snapshot::read_head,
    tables::{
        Documents, EVENTS, EXPIRED_THROUGH, KEYS, KEYS_BY_DIGEST, NEWEST_EVENT, NUMBERS, ORGANIZATIONS,
        PEPPERS, Reads, number, put, read,
    },
};

struct RedbImport(RedbStore);

pub(crate) async fn begin(store: &RedbStore) -> Result<Option<Box<dyn Import>>, Unavailable> {
    let begun = store.write(operation::BEGIN_IMPORT, |transaction| {
        let head = read_head(transaction)?;
        if !head.is_unfinished() && head.counts != StoreHead::default().counts {
            return Ok(false);
        }
        let mark = RecordedPepper::of_an_import();
        put(&mut transaction.open_table(PEPPERS)?, mark.check.id.as_str(), &Document::of(&mark))?;
        Ok(true)
    });
    Ok(begun.await?.then(|| Box::new(RedbImport(store.clone())) as _))
}

#[async_trait]
impl Import for RedbImport {
    async fn import_rows(&mut self, rows: StoredRows) -> Result<Imported, Unavailable> {
        self.0.write(operation::IMPORT_ROWS, move |transaction| import(transaction, &rows)).await
    }

    async fn finish(&mut self, head: StoreHead) -> Result<Imported, Unavailable> {
        let host = self.0.host().clone();
        let finish = move |transaction: &WriteTransaction| {
            let found = read_head(transaction)?;
            if !found.is_unfinished() || found.counts != head.counts || !head.agrees_with(&found.peppers) {
                return Ok(Imported::Different);
            }
            record(transaction, &found.peppers, &head.peppers)?;
            let expired = head.expired_through.get().max(found.expired_through.get());
            let newest = number(transaction, NEWEST_EVENT)?.max(expired);
            let mut numbers = transaction.open_table(NUMBERS)?;
            numbers.insert(EXPIRED_THROUGH, expired)?;
            numbers.insert(NEWEST_EVENT, newest)?;
            restart(transaction, &host)?;
            Ok(Imported::Done)
        };
        self.0.write(operation::FINISH_IMPORT, finish).await
    }
}

/// The peppers of the source with their turns, and those that are recorded besides, without any.
fn record(
    transaction: &WriteTransaction,
    found: &[RecordedPepper],
    peppers: &[RecordedPepper],
) -> Result<(), Failure> {
    let mut recorded = transaction.open_table(PEPPERS)?;
    recorded.remove(RecordedPepper::of_an_import().check.id.as_str())?;
    for other in found.iter().filter(|other| !other.is_of_an_import()) {
        let other = RecordedPepper { turn: None, ..other.clone() };
        put(&mut recorded, other.check.id.as_str(), &Document::of(&other))?;
    }
    for own in peppers {
        put(&mut recorded, own.check.id.as_str(), &Document::of(own))?;
    }
    Ok(())
}

/// All is looked at before any of it is stored: what a transaction has done is committed.
fn import(transaction: &WriteTransaction, rows: &StoredRows) -> Result<Imported, Failure> {
    if !read_head(transaction)?.is_unfinished() {
        return Ok(Imported::Different);
    }
    let stored = match rows {
        StoredRows::Organizations(rows) => import_organizations(transaction, rows)?,
        StoredRows::Keys(rows) => import_keys(transaction, rows)?,
        StoredRows::Events(rows) => import_events(transaction, rows)?,
    };
    Ok(if stored { Imported::Done } else { Imported::Different })
}

fn import_organizations(transaction: &WriteTransaction, rows: &[Organization]) -> Result<bool, Failure> {
    let id = |row: &Organization| row.id.uuid().as_u128();
    let Some(missing) = missing(rows, &range(transaction, ORGANIZATIONS, rows, id)?) else {
        return Ok(false);
    };
    let mut own = HashSet::new();
    for clerk in missing.iter().filter_map(|row| row.clerk.as_ref()) {
        if !own.insert(&clerk.id) || organizations::at_clerk(transaction, &clerk.id)?.is_some() {
            return Ok(false);
        }
    }
    missing.into_iter().try_for_each(|row| organizations::add(transaction, row))?;
    Ok(true)
}

fn import_keys(transaction: &WriteTransaction, rows: &[StoredKey]) -> Result<bool, Failure> {
    let id = |row: &StoredKey| row.key.id.uuid().as_u128();
    let Some(missing) = missing(rows, &range(transaction, KEYS, rows, id)?) else { return Ok(false) };
    {
        let (organizations, by_digest) =
            (transaction.table(ORGANIZATIONS)?, transaction.table(KEYS_BY_DIGEST)?);
        let mut own = HashSet::new();
        for row in &missing {
            let organization = row.key.organization_id.uuid().as_u128();
            for digest in row.digests() {
                if !own.insert(digest.as_bytes()) || by_digest.get(digest.as_bytes())?.is_some() {
                    return Ok(false);
                }
            }
            if organizations.get(organization)?.is_none() {
                return Ok(false);
            }
        }
    }
    for row in missing {
        keys::add(transaction, row)?;
    }
    Ok(true)
}

fn import_events(transaction: &WriteTransaction, rows: &[AuditRecord]) -> Result<bool, Failure> {
    let sequence = |row: &AuditRecord| row.sequence.get();
    let Some(missing) = missing(rows, &range(transaction, EVENTS, rows, sequence)?) else {
        return Ok(false);
    };
    missing.into_iter().try_for_each(|row| audit_log::store(transaction, row))?;
    Ok(true)
}

/// What the table holds from the first of these rows to the last.
fn range<K: for<'k> Key<SelfType<'k> = K> + Copy + 'static, R: Record>(
    transaction: &WriteTransaction,
    table: Documents<K>,
    rows: &[R],
    id: impl Fn(&R) -> K,
) -> Result<Vec<R>, Failure> {
    let (Some(first), Some(last)) = (rows.first().map(&id), rows.last().map(&id)) else {
        return Ok(Vec::new());
    };
    let table = transaction.table(table)?;
    table.range::<K>(first..=last)?.map(|entry| Ok(read(entry?.1.value())?)).collect()
}
