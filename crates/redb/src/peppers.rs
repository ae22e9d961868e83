//! Which peppers the keys need, and who has them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use capykeys_domain::{
    model::Timestamp,
    ports::{Change, Host, PepperRegistry, PepperUse, Rehash, ReplicaId, StoredKey, Unavailable},
    secret::{KeyDigest, PepperCheck, PepperId, RecordedPepper},
};
use capykeys_storage::{Document, Row as _, operation};
use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use crate::{
    RedbStore,
    change_feed::tell,
    error::Failure,
    keys, replicas,
    tables::{KEYS, KEYS_BY_DIGEST, PEPPERS, REPLICAS, Reads, find, put, read},
};

#[async_trait]
impl PepperRegistry for RedbStore {
    async fn announce_peppers(
        &self,
        replica: ReplicaId,
        peppers: Vec<PepperCheck>,
    ) -> Result<Vec<RecordedPepper>, Unavailable> {
        self.write(operation::ANNOUNCE_PEPPERS, move |transaction| {
            let ids: Vec<PepperId> = peppers.iter().map(|check| check.id.clone()).collect();
            if let Some((document, _)) = replicas::stored(transaction, replica)? {
                replicas::store(transaction, replica, &document.and("peppers", &ids))?;
            }
            let mut recorded = transaction.open_table(PEPPERS)?;
            for check in peppers {
                // What is recorded never changes.
                if recorded.get(check.id.as_str())?.is_none() {
                    let new = RecordedPepper { check, turn: None };
                    put(&mut recorded, new.check.id.as_str(), &Document::of(&new))?;
                }
            }
            all(&recorded)
        })
        .await
    }

    async fn take_turn(&self, replica: ReplicaId, pepper: PepperId) -> Result<bool, Unavailable> {
        self.write(operation::TAKE_TURN, move |transaction| {
            let mut recorded = transaction.open_table(PEPPERS)?;
            let Some(own) = find::<_, RecordedPepper>(&recorded, pepper.as_str())? else { return Ok(false) };
            if !others_have(transaction, replica, &pepper)? {
                return Ok(false);
            }
            let last = all(&recorded)?.into_iter().filter_map(|other| other.turn).max().unwrap_or(0);
            let turn = Some(last.saturating_add(1));
            put(&mut recorded, pepper.as_str(), &Document::of(&RecordedPepper { turn, ..own }))?;
            Ok(true)
        })
        .await
    }

    async fn count_pepper_uses(&self, at: Timestamp) -> Result<Vec<PepperUse>, Unavailable> {
        self.read(operation::COUNT_PEPPER_USES, move |transaction| count(transaction, at)).await
    }

    async fn rehash_keys(&self, keys: Vec<Rehash>) -> Result<(), Unavailable> {
        let host = self.host().clone();
        self.write(operation::REHASH_KEYS, move |transaction| {
            keys.iter().try_for_each(|one| rehash(transaction, &host, one))
        })
        .await
    }
}

/// In ascending order of their ids.
pub(crate) fn all(
    recorded: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Vec<RecordedPepper>, Failure> {
    recorded.iter()?.map(|entry| Ok(read(entry?.1.value())?)).collect()
}

/// Whether every other replica, retired or not, has said that it has the pepper.
fn others_have(transaction: &impl Reads, replica: ReplicaId, pepper: &PepperId) -> Result<bool, Failure> {
    let replicas = transaction.table(REPLICAS)?;
    for entry in replicas.iter()? {
        let other = Document::from_bytes(entry?.1.value())?;
        let has = other.field::<Option<Vec<PepperId>>>("peppers")?.unwrap_or_default();
        if other.field::<ReplicaId>("id")? != replica && !has.contains(pepper) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn count(transaction: &ReadTransaction, at: Timestamp) -> Result<Vec<PepperUse>, Failure> {
    let (keys, mut counts) = (transaction.table(KEYS)?, BTreeMap::new());
    for entry in keys.iter()? {
        for pepper in read::<StoredKey>(entry?.1.value())?.peppers(at) {
            *counts.entry(pepper.clone()).or_insert(0) += 1;
        }
    }
    Ok(counts.into_iter().map(|(id, active_keys)| PepperUse { id, active_keys }).collect())
}

/// Moves a key to another digest, where it is as it was and good.
fn rehash(
    transaction: &WriteTransaction,
    host: &Host,
    Rehash { key: id, from, to }: &Rehash,
) -> Result<(), Failure> {
    let Some((document, key)) = keys::stored(transaction, *id)? else { return Ok(()) };
    if document.record::<KeyDigest>("")? != *from || key.revoked_at.is_some() {
        return Ok(());
    }
    {
        let mut by_digest = transaction.open_table(KEYS_BY_DIGEST)?;
        by_digest.remove(from.as_bytes())?;
        by_digest.insert(to.as_bytes(), id.uuid().as_u128())?;
    }
    keys::store(transaction, *id, &document.with(to))?;
    tell(transaction, host, Change::Key(*id))
}
