//! Requests that are done once.

use capykeys_domain::{
    model::{ApiKey, KeyId, Timestamp},
    ports::{FORGOTTEN_AT_ONCE, Repeated},
    secret::IdempotencyRecord,
};

use super::State;

/// A request that was done.
pub(super) struct Request {
    record: IdempotencyRecord,
    at: Timestamp,
    key: KeyId,
    answered: ApiKey,
}

impl State {
    pub(super) fn repeated(&self, record: &IdempotencyRecord, now: Timestamp) -> Option<Repeated> {
        let forgotten = IdempotencyRecord::forgotten(now);
        let is_it = |one: &&Request| one.record.id == record.id && one.at > forgotten;
        let Request { record, key, answered, .. } = self.requests.iter().find(is_it)?;
        let present = self.stored(self.keys.get(key)?).ok()?;
        Some(Repeated { record: record.clone(), answered: answered.clone(), present })
    }

    pub(super) fn remember(&mut self, record: IdempotencyRecord, answered: ApiKey, at: Timestamp) {
        let forgotten = IdempotencyRecord::forgotten(at);
        self.requests.retain(|one| one.record.id != record.id);
        let mut left = FORGOTTEN_AT_ONCE;
        self.requests.retain(|one| {
            let goes = left > 0 && one.at <= forgotten;
            left -= i64::from(goes);
            !goes
        });
        self.requests.push(Request { record, at, key: answered.id, answered });
    }
}
