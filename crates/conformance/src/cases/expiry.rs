//! Saying that keys end.

use std::sync::Arc;

use capykeys_domain::{
    model::{ApiKey, AuditAction, KeyId, Organization, ProjectId, Timestamp},
    ports::{EndingKey, EndingKeys, ExpiryNotice, KeyChanged, Limit},
};
use futures_util::future::join_all;

use super::deeds::changes;
use crate::{Store, fixtures, fixtures::at};

/// From the first that ends at `micros`.
fn from(micros: i64) -> (Timestamp, KeyId) {
    (at(micros), KeyId::new(Timestamp::MIN, [0; 8]))
}

/// That the end of the key was said until `micros`.
pub(super) fn notice(key: &ApiKey, micros: i64) -> ExpiryNotice {
    let (id, organization_id) = (key.id, key.organization_id);
    let key =
        EndingKey { id, organization_id, expires_at: key.expires_at.unwrap(), noticed_until: at(micros) };
    ExpiryNotice {
        key,
        event: fixtures::event(AuditAction::ExpiresSoon, at(micros), organization_id, Some(id)),
    }
}

impl Store {
    async fn ending_key(&self, organization: &Organization, created: i64, ends: i64) -> ApiKey {
        let mut new = fixtures::key(organization.id, at(created));
        new.key.expires_at = Some(at(ends));
        new.key.project_id = ProjectId::parse("p_1").ok();
        self.add_key(&new).await;
        new.key
    }

    async fn notice(&self, notice: ExpiryNotice) -> bool {
        self.keys.notice_expiry(notice).await.unwrap()
    }

    /// The keys that end between these two times, with until when that was said.
    async fn ending(&self, after: i64, until: i64) -> Vec<(KeyId, Timestamp)> {
        let query = EndingKeys { after: from(after), until: at(until), limit: Limit::MAX };
        let found = self.keys.find_ending_keys(query).await.unwrap();
        found.into_iter().map(|key| (key.id, key.noticed_until)).collect()
    }
}

/// With the project in its event, and no cache hears of it; until it was said of the end itself, the key is found.
pub async fn the_end_of_a_key_is_said_once_for_each_time(store: &Store) {
    let organization = store.organization().await;
    let key = store.ending_key(&organization, 1, 100).await;
    let start = store.end_of_feed().await;
    assert_eq!(store.ending(0, 100).await, [(key.id, at(1))]);
    for (micros, applies) in [(1, false), (70, true), (70, false), (60, false), (90, true)] {
        assert_eq!(store.notice(notice(&key, micros)).await, applies, "{micros}");
    }
    assert_eq!(store.ending(0, 100).await, [(key.id, at(90))]);
    assert!(store.notice(notice(&key, 100)).await);
    assert!(!store.notice(notice(&key, 100)).await);
    assert_eq!(store.ending(0, 100).await, []);
    assert_eq!(store.count_events(&key, &AuditAction::ExpiresSoon).await, 3);
    let events = store.events(organization.id).await;
    assert!(events.iter().rev().take(3).all(|one| one.event.project_id == key.project_id));
    assert_eq!(changes(store, start).await.0, []);
    assert_eq!(store.key_now(&key).await, key);
}

/// However many servers look.
pub async fn of_many_notices_at_once_one_is_stored(store: &Store) {
    let organization = store.organization().await;
    let key = store.ending_key(&organization, 1, 100).await;
    for micros in [50, 60] {
        let all = (0..8).map(|_| {
            let (keys, notice) = (Arc::clone(&store.keys), notice(&key, micros));
            tokio::spawn(async move { keys.notice_expiry(notice).await.unwrap() })
        });
        let outcomes: Vec<_> = join_all(all).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(outcomes.iter().filter(|stored| **stored).count(), 1, "{outcomes:?}");
    }
    assert_eq!(store.count_events(&key, &AuditAction::ExpiresSoon).await, 2);
}

/// One that is enabled again is told of as before.
pub async fn the_end_of_a_revoked_or_disabled_key_is_not_said(store: &Store) {
    let organization = store.organization().await;
    let [revoked, key] =
        [store.ending_key(&organization, 1, 100).await, store.ending_key(&organization, 2, 100).await];
    assert!(store.notice(notice(&key, 50)).await);
    let _ = store.keys.revoke_key(fixtures::revoke(&revoked, at(5))).await.unwrap();
    let disabled = fixtures::disabled(&key, at(5));
    assert_eq!(store.change(fixtures::change(&key, &disabled, at(5))).await, KeyChanged::Done);
    assert_eq!(store.ending(0, 100).await, []);
    assert!(!store.notice(notice(&revoked, 60)).await);
    assert!(!store.notice(notice(&key, 60)).await);
    assert_eq!(store.change(fixtures::change(&disabled, &key, at(6))).await, KeyChanged::Done);
    assert_eq!(store.ending(0, 100).await, [(key.id, at(50))]);
    assert!(store.notice(notice(&key, 60)).await);
}

/// A server that has read the end before says nothing of it any more, and what was said of the one before stays said.
pub async fn a_key_with_another_end_is_found_by_that(store: &Store) {
    let organization = store.organization().await;
    let before = store.ending_key(&organization, 1, 100).await;
    assert!(store.notice(notice(&before, 100)).await);
    let after = ApiKey { expires_at: Some(at(200)), ..before.clone() };
    assert_eq!(store.change(fixtures::change(&before, &after, at(5))).await, KeyChanged::Done);
    assert_eq!(store.ending(0, 199).await, []);
    assert_eq!(store.ending(0, 200).await, [(after.id, at(100))]);
    assert!(
        !store
            .notice(ExpiryNotice {
                key: EndingKey { expires_at: at(100), ..notice(&after, 150).key },
                ..notice(&after, 150)
            })
            .await
    );
    assert!(store.notice(notice(&after, 150)).await);
    let endless = ApiKey { expires_at: None, ..after.clone() };
    assert_eq!(store.change(fixtures::change(&after, &endless, at(6))).await, KeyChanged::Done);
    assert_eq!(store.ending(0, 300).await, []);
}

/// Whoever goes on after the last of a page misses none, also among those that end at one time.
pub async fn keys_that_end_come_in_the_order_of_their_ends(store: &Store) {
    let organization = store.organization().await;
    store.key(&organization, 1).await;
    let mut keys = Vec::new();
    for (created, ends) in [(2, 90), (3, 80), (4, 80), (5, 80), (6, 70), (7, 95), (8, 60)] {
        keys.push(store.ending_key(&organization, created, ends).await);
    }
    keys.retain(|key| (at(61)..=at(90)).contains(&key.expires_at.unwrap()));
    keys.sort_by_key(|key| (key.expires_at, key.id));
    let (mut after, mut found) = (from(61), Vec::new());
    loop {
        let query = EndingKeys { after, until: at(90), limit: Limit::of::<2>() };
        let page = store.keys.find_ending_keys(query).await.unwrap();
        let Some(last) = page.last() else { break };
        after = (last.expires_at, last.id);
        assert!(page.len() <= 2);
        found.extend(page.into_iter().map(|key| (key.id, key.organization_id, key.expires_at)));
    }
    let expected = keys.iter().map(|key| (key.id, organization.id, key.expires_at.unwrap()));
    assert_eq!(found, expected.collect::<Vec<_>>());
}
