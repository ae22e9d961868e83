//! Keys that are given another secret.

use std::sync::Arc;

use capykeys_domain::{
    model::{ApiKey, AuditAction, KeyState, Timestamp},
    ports::{Change, FoundKey, Insertion, KeyChange, KeyChanged, KeyUse, NewKey, NewSecret},
    secret::{KeyDigest, PepperId},
};
use futures_util::future::join_all;

use super::deeds::changes;
use crate::{Store, fixtures, fixtures::at};

/// A secret that no other call gave.
pub(super) fn secret() -> KeyDigest {
    fixtures::key(fixtures::organization(at(0)).id, at(0)).digest
}

impl Store {
    pub(super) async fn found_under(&self, digest: &KeyDigest) -> Option<FoundKey> {
        self.lookup.find_key_by_digest(std::slice::from_ref(digest)).await.unwrap()
    }

    pub(super) async fn change(&self, change: KeyChange) -> KeyChanged {
        self.keys.change_key(change).await.unwrap()
    }

    pub(super) async fn key_now(&self, key: &ApiKey) -> ApiKey {
        self.keys.find_key(key.organization_id, key.id).await.unwrap().unwrap()
    }

    /// Gives the key another secret at `micros`, with the one before it good until `until`.
    pub(super) async fn rotate(&self, key: &ApiKey, micros: i64, until: i64) -> KeyDigest {
        let digest = secret();
        let key = self.key_now(key).await;
        let rotation = fixtures::rotate(&key, &digest, at(micros), at(until));
        assert_eq!(self.change(rotation).await, KeyChanged::Done);
        digest
    }

    /// Ends the secret before the present one at `micros`.
    pub(super) async fn finish(&self, key: &ApiKey, micros: i64) {
        let before = self.key_now(key).await;
        let mut after = before.clone();
        after.rotation.as_mut().unwrap().previous_expires_at = at(micros);
        assert_eq!(self.change(fixtures::change(&before, &after, at(micros))).await, KeyChanged::Done);
    }

    /// Whether the secret is good at that time.
    pub(super) async fn is_good(&self, digest: &KeyDigest, time: Timestamp) -> bool {
        let Some(found) = self.found_under(digest).await else { return false };
        let digests = std::slice::from_ref(digest);
        let is_previous = found.was_under(digests);
        assert_ne!(found.is_under(digests), is_previous);
        let mut key = found.key;
        if is_previous {
            key.expires_at = key.previous_ends_at();
        }
        key.state(time) == KeyState::Active
    }
}

/// It is the same key under another prefix, with an event, and caches hear of it.
pub async fn a_rotated_key_is_found_by_both_of_its_secrets(store: &Store) {
    let organization = store.organization().await;
    let (new, other) = (store.key(&organization, 1).await, store.key(&organization, 2).await);
    let start = store.end_of_feed().await;
    let digest = secret();
    let rotation = fixtures::rotate(&new.key, &digest, at(5), at(9));
    let after = rotation.after.clone();
    assert_eq!(store.change(rotation).await, KeyChanged::Done);
    for own in [&digest, &new.digest] {
        let found = store.found_under(own).await.unwrap();
        assert_eq!((&found.digest, &found.previous_digest), (&digest, &Some(Box::new(new.digest.clone()))));
        assert_eq!(found.key, after);
        let own = std::slice::from_ref(own);
        assert_eq!((found.is_under(own), found.was_under(own)), (own[0] == digest, own[0] != digest));
    }
    let elsewhere = KeyDigest::from_stored(PepperId::parse("2").unwrap(), *new.digest.as_bytes());
    assert_eq!(store.found_under(&elsewhere).await, None);
    assert_eq!(store.found_under(&other.digest).await.unwrap().key, other.key);
    assert_eq!(store.key_now(&new.key).await, after);
    assert_eq!(store.listed(organization.id).await, [other.key, after.clone()]);
    assert_eq!(changes(store, start).await.0, [Change::Key(new.key.id)]);
    assert_eq!(store.count_events(&new.key, &AuditAction::RotateKey).await, 1);

    let _ = store.keys.revoke_key(fixtures::revoke(&after, at(6))).await.unwrap();
    for own in [&digest, &new.digest] {
        assert_eq!(store.found_under(own).await.unwrap().key.revoked_at, Some(at(6)));
    }
}

/// No clock decides about it, and caches hear of it.
pub async fn a_secret_that_was_ended_is_unknown(store: &Store) {
    let organization = store.organization().await;
    let (new, at_once) = (store.key(&organization, 1).await, store.key(&organization, 2).await);
    let present = store.rotate(&new.key, 5, 90).await;
    let start = store.end_of_feed().await;
    store.finish(&new.key, 7).await;
    assert_eq!(changes(store, start).await.0, [Change::Key(new.key.id)]);
    assert_eq!(store.found_under(&new.digest).await, None);
    let found = store.found_under(&present).await.unwrap();
    assert_eq!(found.previous_digest, None);
    assert_eq!(found.key.rotation.unwrap().previous_expires_at, at(7));

    let present = store.rotate(&at_once.key, 5, 5).await;
    assert_eq!(store.found_under(&at_once.digest).await, None);
    assert_eq!(store.found_under(&present).await.unwrap().previous_digest, None);
}

/// The one that nobody has got is gone, and whoever has the one before goes on.
pub async fn the_newest_secret_can_be_replaced_and_the_one_before_stays(store: &Store) {
    let organization = store.organization().await;
    let new = store.key(&organization, 1).await;
    let lost = store.rotate(&new.key, 5, 90).await;
    let (digest, before) = (secret(), store.key_now(&new.key).await);
    let rotation = fixtures::rotate(&before, &digest, at(6), at(90));
    let secret = Some(NewSecret { digest: digest.clone(), keeps_previous: true });
    assert_eq!(store.change(KeyChange { secret, ..rotation }).await, KeyChanged::Done);
    assert_eq!(store.found_under(&lost).await, None);
    for own in [&new.digest, &digest] {
        let found = store.found_under(own).await.unwrap();
        assert_eq!(
            (found.digest, found.previous_digest),
            (digest.clone(), Some(Box::new(new.digest.clone())))
        );
    }
}

/// Which is why it was told: is the old one still in use?
pub async fn uses_of_the_secret_before_are_stored_apart(store: &Store) {
    let organization = store.organization().await;
    let (new, never) = (store.key(&organization, 1).await, store.key(&organization, 2).await);
    let id = new.key.id;
    let used = async |micros, with_previous| {
        let uses = vec![KeyUse { key: id, at: at(micros), with_previous }];
        store.keys.record_uses(uses).await.unwrap();
        let key = store.key_now(&new.key).await;
        let previous = key.rotation.and_then(|rotation| rotation.previous_last_used_at);
        (key.last_used_at.unwrap(), previous)
    };
    assert_eq!(used(3, false).await, (at(3), None));
    store.rotate(&new.key, 5, 90).await;
    assert_eq!(used(2, true).await, (at(3), Some(at(3))), "that is how it was last used before");
    // Noted before the rotation and recorded after it.
    assert_eq!(used(4, false).await, (at(4), Some(at(4))));
    assert_eq!(used(7, false).await, (at(7), Some(at(4))));
    assert_eq!(used(8, true).await, (at(8), Some(at(8))));
    assert_eq!(used(9, false).await, (at(9), Some(at(8))));
    assert_eq!(used(6, true).await, (at(9), Some(at(8))));
    let both = [(11, true), (12, false), (10, true)];
    let both = both.map(|(micros, with_previous)| KeyUse { key: id, at: at(micros), with_previous });
    store.keys.record_uses(both.to_vec()).await.unwrap();
    assert_eq!(used(1, false).await, (at(12), Some(at(11))));
    // It does not make the key another one, for those that change it.
    let before = store.key_now(&new.key).await;
    let _ = used(20, true).await;
    let disabled = fixtures::disabled(&before, at(21));
    assert_eq!(store.change(fixtures::change(&before, &disabled, at(21))).await, KeyChanged::Done);
    assert_eq!(used(1, true).await, (at(20), Some(at(20))));

    store.keys.record_uses(vec![KeyUse { key: never.key.id, at: at(3), with_previous: true }]).await.unwrap();
    assert_eq!(store.key_now(&never.key).await, ApiKey { last_used_at: Some(at(3)), ..never.key });
}

/// The secret says which key it is.
pub async fn a_secret_that_a_key_has_or_had_before_is_refused(store: &Store) {
    let organization = store.organization().await;
    let (new, other) = (store.key(&organization, 1).await, store.key(&organization, 2).await);
    let present = store.rotate(&new.key, 5, 90).await;
    let disabled = store.key(&organization, 3).await;
    let disabling = fixtures::change(&disabled.key, &fixtures::disabled(&disabled.key, at(4)), at(4));
    assert_eq!(store.change(disabling).await, KeyChanged::Done);
    let before = store.read_whole().await;
    for taken in [&present, &new.digest, &other.digest, &disabled.digest] {
        let rotation = fixtures::rotate(&other.key, taken, at(6), at(90));
        assert_eq!(store.change(rotation).await, KeyChanged::Refused(Insertion::Duplicate));
        let again = NewKey { digest: taken.clone(), ..fixtures::key(organization.id, at(7)) };
        let inserted = store.keys.insert_key(again.clone(), fixtures::created(&again)).await.unwrap();
        assert_eq!(inserted, Insertion::Duplicate);
    }
    let stale = fixtures::rotate(&new.key, &secret(), at(6), at(90));
    assert_eq!(store.change(stale).await, KeyChanged::Stale);
    let after = store.read_whole().await;
    assert_eq!(before.rows[0], after.rows[0]);
    assert_eq!(store.key_now(&other.key).await, other.key);
}

/// The others' secrets were told to nobody.
pub async fn of_many_rotations_at_once_of_what_was_read_once_one_is_done(store: &Store) {
    let organization = store.organization().await;
    for round in 0..8 {
        let new = store.key(&organization, round).await;
        let all = (0..8).map(|_| {
            let (keys, digest) = (Arc::clone(&store.keys), secret());
            let rotation = fixtures::rotate(&new.key, &digest, at(50), at(90));
            tokio::spawn(async move { (keys.change_key(rotation).await.unwrap(), digest) })
        });
        let outcomes: Vec<_> = join_all(all).await.into_iter().map(Result::unwrap).collect();
        let done = outcomes.iter().filter(|(outcome, _)| *outcome == KeyChanged::Done).count();
        assert_eq!(done, 1, "{outcomes:?}");
        for (outcome, digest) in &outcomes {
            assert_eq!(store.is_good(digest, at(60)).await, *outcome == KeyChanged::Done);
        }
        assert!(store.is_good(&new.digest, at(60)).await);
        assert_eq!(store.count_events(&new.key, &AuditAction::RotateKey).await, 1);
    }
}

/// A key that is disabled stays so, and both secrets are as they were once it is enabled.
pub async fn both_secrets_of_a_disabled_key_are_found_as_disabled(store: &Store) {
    let organization = store.organization().await;
    let new = store.key(&organization, 1).await;
    let present = store.rotate(&new.key, 5, 90).await;
    let good = store.key_now(&new.key).await;
    let disabled = fixtures::disabled(&good, at(6));
    assert_eq!(store.change(fixtures::change(&good, &disabled, at(6))).await, KeyChanged::Done);
    for own in [&present, &new.digest] {
        assert_eq!(store.found_under(own).await.unwrap().key, disabled);
    }
    let again = secret();
    let rotation = fixtures::rotate(&disabled, &again, at(7), at(90));
    let rotated = rotation.after.clone();
    assert_eq!(store.change(rotation).await, KeyChanged::Done);
    assert_eq!(store.found_under(&new.digest).await, None);
    for own in [&again, &present] {
        assert_eq!(store.found_under(own).await.unwrap().key, rotated);
    }
    let enabled = ApiKey { disabled: None, ..rotated.clone() };
    assert_eq!(store.change(fixtures::change(&rotated, &enabled, at(8))).await, KeyChanged::Done);
    for own in [&again, &present] {
        assert!(store.is_good(own, at(9)).await);
    }
}
