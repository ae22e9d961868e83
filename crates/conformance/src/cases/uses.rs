//! When keys were last used.

use std::sync::Arc;

use capykeys_domain::{
    model::{ApiKey, KeyId, Timestamp},
    ports::{KeyStore, KeyUse},
};
use futures_util::future::join_all;

use crate::{Store, fixtures};

/// More than any store needs until nobody else has one of the keys locked.
const TRIES: usize = 1_000;

/// Records, again and again where a key is being changed by somebody else.
async fn record(keys: &dyn KeyStore, uses: &[KeyUse]) {
    for _ in 0..TRIES {
        if keys.record_uses(uses.to_vec()).await.is_ok() {
            return;
        }
        tokio::task::yield_now().await;
    }
    keys.record_uses(uses.to_vec()).await.unwrap();
}

fn used(key: KeyId, micros: i64) -> KeyUse {
    KeyUse { key, at: fixtures::at(micros), with_previous: false }
}

impl Store {
    async fn last_used_at(&self, key: &ApiKey) -> Option<Timestamp> {
        let found = self.keys.find_key(key.organization_id, key.id).await.unwrap().unwrap();
        assert_eq!(found, ApiKey { last_used_at: found.last_used_at, ..key.clone() }, "nothing else changes");
        found.last_used_at
    }
}

/// In one call and over several: an earlier time, and the same again, changes nothing.
pub async fn the_latest_use_stays_whatever_the_order(store: &Store) {
    let organization = store.organization().await;
    let key = store.key(&organization, 1).await.key;
    assert_eq!(store.last_used_at(&key).await, None);
    for (times, latest) in [
        (&[20][..], 20),
        (&[10], 20),
        (&[20], 20),
        (&[21, 25, 23], 25),
        (&[], 25),
        (&[1, 2], 25),
        (&[24, 26], 26),
        (&[27, 3], 27),
    ] {
        let uses: Vec<_> = times.iter().map(|&micros| used(key.id, micros)).collect();
        store.keys.record_uses(uses.clone()).await.unwrap();
        assert_eq!(store.last_used_at(&key).await, Some(fixtures::at(latest)), "{times:?}");
    }
}

/// Those that are named with it are recorded all the same.
pub async fn a_use_of_a_key_that_is_not_there_is_ignored(store: &Store) {
    let organization = store.organization().await;
    let key = store.key(&organization, 1).await.key;
    let never = KeyId::new(fixtures::at(1), [9; 8]);
    store.keys.record_uses(vec![used(never, 5)]).await.unwrap();
    store.keys.record_uses(vec![used(never, 6), used(key.id, 6), used(never, 7)]).await.unwrap();
    assert_eq!(store.last_used_at(&key).await, Some(fixtures::at(6)));
    assert_eq!(store.keys.find_key(organization.id, never).await.unwrap(), None);
}

/// Also before 1970 and at the ends of the range.
pub async fn times_of_use_are_kept_to_the_microsecond(store: &Store) {
    let organization = store.organization().await;
    let before_1970 = Timestamp::parse("t", "1969-12-31T23:59:59.999999Z").unwrap();
    for at in [Timestamp::MIN, before_1970, fixtures::at(999_999), fixtures::at(1), Timestamp::MAX] {
        let key = store.key(&organization, 1).await.key;
        store.keys.record_uses(vec![KeyUse { key: key.id, at, with_previous: false }]).await.unwrap();
        assert_eq!(store.last_used_at(&key).await, Some(at));
    }
}

/// Of several organizations, each with a time of its own.
pub async fn many_keys_are_recorded_at_once(store: &Store) {
    let (one, other) = (store.organization().await, store.organization().await);
    let mut keys = Vec::new();
    for micros in 0..300 {
        keys.push(store.key(if micros % 3 == 0 { &other } else { &one }, micros).await.key);
    }
    let unused = keys.split_off(250);
    // Most of them are not there: the others are the first and the last of a thousand.
    let never = (0..750).map(|micros| KeyId::new(fixtures::at(micros), [9; 8]));
    let uses: Vec<_> = keys.iter().zip(1_000..).map(|(key, micros)| used(key.id, micros)).collect();
    let (first, last) = uses.split_at(125);
    let all: Vec<_> =
        first.iter().copied().chain(never.map(|id| used(id, 1))).chain(last.iter().copied()).collect();
    store.keys.record_uses(all).await.unwrap();
    for (key, one) in keys.iter().zip(&uses) {
        assert_eq!(store.last_used_at(key).await, Some(one.at));
    }
    for key in &unused {
        assert_eq!(store.last_used_at(key).await, None);
    }
}

/// They were good when they were used, and it is written later.
pub async fn revoked_expired_and_suspended_keys_are_recorded_too(store: &Store) {
    let organization = store.organization().await;
    let mut expired = fixtures::key(organization.id, fixtures::at(1));
    expired.key.expires_at = Some(fixtures::at(2));
    store.add_key(&expired).await;
    let mut revoked = store.key(&organization, 3).await.key;
    revoked.revoked_at = Some(fixtures::at(4));
    let _ = store.keys.revoke_key(fixtures::revoke(&revoked, fixtures::at(4))).await.unwrap();
    store.suspend(organization.id, true).await;
    store.keys.record_uses(vec![used(revoked.id, 9), used(expired.key.id, 9)]).await.unwrap();
    for key in [&revoked, &expired.key] {
        assert_eq!(store.last_used_at(key).await, Some(fixtures::at(9)));
    }
}

/// Neither a cache nor a reviewer is told of it.
pub async fn a_use_is_neither_in_the_feed_nor_in_the_audit_log(store: &Store) {
    let organization = store.organization().await;
    let key = store.key(&organization, 1).await.key;
    let (feed, events) = (store.end_of_feed().await, store.events(organization.id).await);
    for micros in 2..5 {
        store.keys.record_uses(vec![used(key.id, micros)]).await.unwrap();
    }
    assert_eq!(store.last_used_at(&key).await, Some(fixtures::at(4)));
    assert_eq!(store.end_of_feed().await, feed);
    assert_eq!(store.events(organization.id).await, events);
}

/// As several servers do, each with the keys in another order.
pub async fn of_many_records_at_once_the_latest_use_stays(store: &Store) {
    let organization = store.organization().await;
    let mut keys = Vec::new();
    for micros in 0..40 {
        keys.push(store.key(&organization, micros).await.key);
    }
    let servers = (0..8).map(|server| {
        let port = Arc::clone(&store.keys);
        let mut ids: Vec<KeyId> = keys.iter().map(|key| key.id).collect();
        tokio::spawn(async move {
            for round in 0..20 {
                ids.rotate_left(7);
                if (server + round) % 2 == 0 {
                    ids.reverse();
                }
                let micros = 100 + round * 8 + server;
                let uses: Vec<_> = ids.iter().map(|&id| used(id, micros)).collect();
                record(port.as_ref(), &uses).await;
            }
        })
    });
    for outcome in join_all(servers.collect::<Vec<_>>()).await {
        outcome.unwrap();
    }
    for key in &keys {
        assert_eq!(store.last_used_at(key).await, Some(fixtures::at(100 + 19 * 8 + 7)));
    }
}
