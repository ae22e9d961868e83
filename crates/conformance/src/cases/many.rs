//! Revoking many keys at once.

use std::{collections::HashSet, sync::Arc};

use capykeys_domain::{
    model::{ApiKey, AuditAction, KeyFilter, KeyId, KeyState, Organization, ProjectId},
    ports::{Change, KeyChanged, KeyQuery, Limit, RevokeKeys},
};
use futures_util::future::join_all;

use crate::{Store, fixtures};

const BATCH: Limit = Limit::of::<20>();

/// Those of the organization that `filter` asks for and that are not revoked.
fn batch(organization: &Organization, filter: KeyFilter, micros: i64) -> RevokeKeys {
    let RevokeKeys { query, at, event } = fixtures::revoke_many(organization.id, [], fixtures::at(micros));
    let filter = KeyFilter { unrevoked: true, ..filter };
    RevokeKeys { query: KeyQuery { filter, limit: BATCH, ..query }, at, event }
}

/// What is told of them is told of each or of their organization.
pub(super) async fn told(store: &Store, changes: Vec<Change>, of: &Organization, keys: &[ApiKey]) {
    let (told, ids): (HashSet<Change>, HashSet<KeyId>) =
        (changes.into_iter().collect(), keys.iter().map(|key| key.id).collect());
    let own = Change::Organization(of.id);
    assert!(told.iter().all(|one| *one == own || matches!(one, Change::Key(id) if ids.contains(id))));
    for key in keys {
        assert!(told.contains(&own) || told.contains(&Change::Key(key.id)), "{} is not told", key.id);
        assert_eq!(store.count_events(key, &AuditAction::RevokeKey).await, 1);
    }
}

/// Each call takes the newest that are left, whatever their state, until there are none.
pub async fn keys_are_revoked_in_batches_of_the_newest_each_with_its_event(store: &Store) {
    let (organization, other) = (store.organization().await, store.organization().await);
    let (mut expected, project) = (Vec::new(), ProjectId::parse("p1").ok());
    for micros in 0..50 {
        let mut new = fixtures::key(organization.id, fixtures::at(micros));
        new.key.project_id = project.clone().filter(|_| micros % 2 == 0);
        new.key.expires_at = (micros % 3 == 0).then(|| fixtures::at(60));
        store.add_key(&new).await;
        expected.push(new.key);
    }
    expected.reverse();
    let foreign = store.key(&other, 1).await.key;
    let gone = expected.remove(4);
    let _ = store.keys.revoke_key(fixtures::revoke(&gone, fixtures::at(70))).await.unwrap();
    let disabled = fixtures::disabled(&expected[1], fixtures::at(71));
    let change = fixtures::change(&expected[1], &disabled, fixtures::at(71));
    assert_eq!(store.keys.change_key(change).await.unwrap(), KeyChanged::Done);
    expected[1] = disabled;

    for (round, left) in (0..).zip([&expected[..20], &expected[20..40], &expected[40..], &[]]) {
        let (start, at) = (store.end_of_feed().await, fixtures::at(100 + round));
        let revoked =
            store.keys.revoke_keys(batch(&organization, KeyFilter::default(), 100 + round)).await.unwrap();
        let as_expected: Vec<_> =
            left.iter().map(|key| ApiKey { revoked_at: Some(at), ..key.clone() }).collect();
        assert_eq!(revoked, as_expected);
        told(store, store.changes_after(&start).await, &organization, left).await;
        for key in left {
            let found = store.keys.find_key(organization.id, key.id).await.unwrap().unwrap();
            assert_eq!(found.revoked_at, Some(at));
        }
    }
    let kept = store.keys.find_key(organization.id, gone.id).await.unwrap().unwrap();
    assert_eq!(kept.revoked_at, Some(fixtures::at(70)));
    assert_eq!(store.keys.find_key(other.id, foreign.id).await.unwrap(), Some(foreign));
    let events = store.events(organization.id).await.into_iter().map(|record| record.event);
    for event in
        events.filter(|event| event.action == AuditAction::RevokeKey && event.at >= fixtures::at(100))
    {
        let key = expected.iter().find(|key| Some(key.id) == event.key_id).expect("one of them");
        assert_eq!(event.project_id, key.project_id);
    }
}

/// What is not there, is revoked already or is another's makes no difference to the others.
pub async fn keys_are_revoked_by_their_ids_and_none_of_another_organization(store: &Store) {
    let (organization, other) = (store.organization().await, store.organization().await);
    let [one, two, kept] = [1, 2, 3].map(|micros| fixtures::key(organization.id, fixtures::at(micros)));
    for new in [&one, &two, &kept] {
        store.add_key(new).await;
    }
    let foreign = store.key(&other, 4).await.key;
    let _ = store.keys.revoke_key(fixtures::revoke(&two.key, fixtures::at(5))).await.unwrap();
    let unknown = KeyId::new(fixtures::at(6), [0xff; 8]);
    let ids = [one.key.id, two.key.id, foreign.id, unknown];
    let revoked = store.keys.revoke_keys(fixtures::revoke_many(organization.id, ids, fixtures::at(9))).await;
    let expected = ApiKey { revoked_at: Some(fixtures::at(9)), ..one.key.clone() };
    assert_eq!(revoked.unwrap(), [expected]);
    for (key, revoked_at) in [(&two.key, Some(fixtures::at(5))), (&kept.key, None)] {
        let found = store.keys.find_key(organization.id, key.id).await.unwrap().unwrap();
        assert_eq!(found.revoked_at, revoked_at);
    }
    assert_eq!(store.keys.find_key(other.id, foreign.id).await.unwrap(), Some(foreign));
    for again in [&ids[..], &[]] {
        let revoke = fixtures::revoke_many(organization.id, again.iter().copied(), fixtures::at(10));
        assert_eq!(store.keys.revoke_keys(revoke).await.unwrap(), []);
    }
    assert_eq!(store.count_events(&one.key, &AuditAction::RevokeKey).await, 1);
}

/// Some by their ids, some by what they are like, some one by one: they wait for each other, and each key falls to one.
pub async fn of_revocations_of_the_same_keys_at_once_each_key_is_revoked_once(store: &Store) {
    let organization = store.organization().await;
    for round in 0..4 {
        let mut keys = Vec::new();
        for micros in 0..12 {
            keys.push(store.key(&organization, round * 100 + micros).await.key);
        }
        let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
        let many = (0..6).map(|place| {
            let (port, at) = (Arc::clone(&store.keys), 1_000 + place);
            let revoke = match place % 2 {
                0 => fixtures::revoke_many(organization.id, ids[..9].iter().copied(), fixtures::at(at)),
                _ => batch(&organization, KeyFilter::default(), at),
            };
            tokio::spawn(async move { port.revoke_keys(revoke).await.unwrap() })
        });
        let single = keys.iter().step_by(4).map(|key| {
            let (port, revoke) = (Arc::clone(&store.keys), fixtures::revoke(key, fixtures::at(2_000)));
            tokio::spawn(async move { port.revoke_key(revoke).await.unwrap().unwrap().newly })
        });
        let (many, single) = (many.collect::<Vec<_>>(), single.collect::<Vec<_>>());
        let revoked: Vec<ApiKey> = join_all(many).await.into_iter().flat_map(Result::unwrap).collect();
        let newly = join_all(single).await.into_iter().filter(|one| *one.as_ref().unwrap()).count();
        let distinct: HashSet<KeyId> = revoked.iter().map(|key| key.id).collect();
        assert_eq!((distinct.len(), revoked.len() + newly), (revoked.len(), keys.len()));
        for key in &keys {
            let found = store.keys.find_key(organization.id, key.id).await.unwrap().unwrap();
            assert!(found.revoked_at.is_some());
            assert_eq!(store.count_events(key, &AuditAction::RevokeKey).await, 1);
        }
    }
}

/// A key that is enabled at the same time is revoked as a disabled one or not at all.
pub async fn a_key_that_is_not_asked_for_any_more_is_not_revoked(store: &Store) {
    let organization = store.organization().await;
    for round in 0..16 {
        let new = store.key(&organization, round).await.key;
        let disabled = fixtures::disabled(&new, fixtures::at(50));
        let disable = fixtures::change(&new, &disabled, fixtures::at(50));
        assert_eq!(store.keys.change_key(disable).await.unwrap(), KeyChanged::Done);
        let state = Some((KeyState::Disabled, fixtures::at(60)));
        let revoke = batch(&organization, KeyFilter { state, ..KeyFilter::default() }, 61);
        let (revoking, enabling) = (Arc::clone(&store.keys), Arc::clone(&store.keys));
        let revoked = tokio::spawn(async move { revoking.revoke_keys(revoke).await.unwrap() });
        let enable = fixtures::change(&disabled, &new, fixtures::at(62));
        let enabled = tokio::spawn(async move { enabling.change_key(enable).await.unwrap() });
        let (revoked, enabled) = (revoked.await.unwrap(), enabled.await.unwrap());
        let found = store.keys.find_key(organization.id, new.id).await.unwrap().unwrap();
        assert_eq!(found.revoked_at.is_some(), !revoked.is_empty());
        assert_eq!(enabled, if revoked.is_empty() { KeyChanged::Done } else { KeyChanged::Stale });
    }
}
