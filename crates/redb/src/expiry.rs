//! Saying that keys end.

use std::ops::Bound;

use capykeys_domain::{
    model::AuditEvent,
    ports::{EndingKey, EndingKeys, ExpiryNotice, StoredKey, Unavailable},
};
use capykeys_storage::{Row as _, operation};
use redb::{ReadableTable, WriteTransaction};

use crate::{
    RedbStore,
    audit_log::record,
    error::Failure,
    keys::{store, stored},
    tables::{ENDING, KEYS, Reads, expect},
};

impl RedbStore {
    pub(crate) async fn ending_keys(&self, query: EndingKeys) -> Result<Vec<EndingKey>, Unavailable> {
        self.read(operation::FIND_ENDING_KEYS, move |transaction| {
            let (ending, keys) = (transaction.table(ENDING)?, transaction.table(KEYS)?);
            let (after, id) = query.after;
            let start = Bound::Excluded((after.unix_micros(), id.uuid().as_u128()));
            let end = Bound::Included((query.until.unix_micros(), u128::MAX));
            let keys = ending.range((start, end))?.take(query.limit.get().into()).map(|entry| {
                let stored: StoredKey = expect(&keys, entry?.0.value().1, "id")?;
                stored.ending().ok_or(Failure::Corrupt("expires_at"))
            });
            keys.collect()
        })
        .await
    }

    pub(crate) async fn notice(&self, notice: ExpiryNotice) -> Result<bool, Unavailable> {
        self.write(operation::NOTICE_EXPIRY, move |transaction| {
            let Some((document, key)) = stored(transaction, notice.key.id)? else { return Ok(false) };
            let mut noticed: StoredKey = document.record("")?;
            let applies = noticed.noticed(&notice.key);
            if applies {
                store(transaction, key.id, &document.with(&noticed))?;
                record(transaction, AuditEvent { project_id: key.project_id, ..notice.event.clone() })?;
            }
            Ok(applies)
        })
        .await
    }
}

/// Has it found by its end where that may have to be said, and nowhere else.
pub(crate) fn note_ending(
    transaction: &WriteTransaction,
    before: Option<&StoredKey>,
    after: &StoredKey,
) -> Result<(), Failure> {
    let place = |key: EndingKey| (key.expires_at.unix_micros(), key.id.uuid().as_u128());
    let [before, after] = [before, Some(after)].map(|key| key.and_then(StoredKey::ending).map(place));
    let mut ending = transaction.open_table(ENDING)?;
    if let Some(before) = before {
        ending.remove(before)?;
    }
    if let Some(after) = after {
        ending.insert(after, ())?;
    }
    Ok(())
}
