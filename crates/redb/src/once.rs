//! Requests that are done once, however often they are sent. One transaction writes at a time, so the next one sees what came of
//! it.

use capykeys_domain::{
    model::{ApiKey, KeyId, Timestamp},
    ports::{FORGOTTEN_AT_ONCE, Repeated, StoredKey},
    secret::IdempotencyRecord,
};
use capykeys_storage::{Answered, Document, Row as _};
use redb::{ReadableTable, WriteTransaction};

use crate::{
    error::Failure,
    tables::{KEYS, REQUESTS, REQUESTS_BY_TIME, expect, get, put},
};

/// The request, where it was done before and is not forgotten by now.
pub(crate) fn find_request(
    transaction: &WriteTransaction,
    record: &IdempotencyRecord,
    now: Timestamp,
) -> Result<Option<Repeated>, Failure> {
    let requests = transaction.open_table(REQUESTS)?;
    let Some(document) = get(&requests, &record.id)? else { return Ok(None) };
    if document.field::<Timestamp>("at")? <= IdempotencyRecord::forgotten(now) {
        return Ok(None);
    }
    let Answered(answered) = document.field("answered")?;
    let id = document.field::<KeyId>("key_id")?.uuid().as_u128();
    let present: StoredKey = expect(&transaction.open_table(KEYS)?, id, "key_id")?;
    Ok(Some(Repeated { record: document.record("")?, answered, present }))
}

/// Stores that it is done, in the transaction that does it, with the key as it is answered.
pub(crate) fn store_request(
    transaction: &WriteTransaction,
    record: &IdempotencyRecord,
    key: &ApiKey,
    now: Timestamp,
) -> Result<(), Failure> {
    let mut requests = transaction.open_table(REQUESTS)?;
    let mut by_time = transaction.open_table(REQUESTS_BY_TIME)?;
    if let Some(before) = get(&requests, &record.id)? {
        by_time.remove((before.field::<Timestamp>("at")?.unix_micros(), &record.id))?;
    }
    let end = (IdempotencyRecord::forgotten(now).unix_micros(), &[u8::MAX; 32]);
    let old = by_time.range(..=end)?.take(usize::try_from(FORGOTTEN_AT_ONCE).unwrap_or_default());
    let old: Vec<(i64, [u8; 32])> =
        old.map(|entry| entry.map(|(at, _)| (at.value().0, *at.value().1))).collect::<Result<_, _>>()?;
    for (at, id) in old {
        by_time.remove((at, &id))?;
        requests.remove(&id)?;
    }
    let document = Document::of(record).and("key_id", &key.id).and("at", &now);
    put(&mut requests, &record.id, &document.and("answered", &Answered(key.clone())))?;
    by_time.insert((now.unix_micros(), &record.id), ())?;
    Ok(())
}
