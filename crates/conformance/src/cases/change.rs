//! Changing keys, and disabling them.

use std::sync::Arc;

use capykeys_domain::{
    model::{ApiKey, AuditAction, DeviceName, KeyName, ProjectId, Suspension},
    policy::Forbidden,
    ports::{Change, Insertion, KeyChange, KeyChanged, KeyUse, NewKey},
};
use futures_util::future::join_all;

use super::deeds::changes;
use crate::{Store, fixtures};

async fn change(store: &Store, before: &ApiKey, after: &ApiKey) -> KeyChanged {
    store.keys.change_key(fixtures::change(before, after, fixtures::at(9))).await.unwrap()
}

impl Store {
    async fn stored(&self, key: &ApiKey) -> ApiKey {
        self.keys.find_key(key.organization_id, key.id).await.unwrap().unwrap()
    }

    async fn found(&self, new: &NewKey) -> ApiKey {
        let found = self.lookup.find_key_by_digest(std::slice::from_ref(&new.digest)).await.unwrap().unwrap();
        assert_eq!(found.digest, new.digest);
        found.key
    }
}

/// All that can change, there and back, with an event for each and the last use left alone.
pub async fn a_key_is_changed_where_it_is_as_it_was_read(store: &Store) {
    let organization = store.organization().await;
    let new = store.key(&organization, 1).await;
    let mut after = new.key.clone();
    after.name = KeyName::parse(" other ").unwrap();
    after.scopes = fixtures::scopes(&["schema:read", "jobs:read"]);
    after.device_name = DeviceName::parse("laptop").ok();
    after.expires_at = Some(fixtures::at(123_456));
    let used = KeyUse { key: new.key.id, at: fixtures::at(5), with_previous: false };
    store.keys.record_uses(vec![used]).await.unwrap();
    assert_eq!(change(store, &new.key, &after).await, KeyChanged::Done);
    let used = ApiKey { last_used_at: Some(used.at), ..after.clone() };
    assert_eq!(store.stored(&new.key).await, used);
    assert_eq!(store.found(&new).await, used);
    assert_eq!(change(store, &new.key, &after).await, KeyChanged::Stale);
    assert_eq!(change(store, &used, &new.key).await, KeyChanged::Done);
    assert!(store.stored(&new.key).await.is_as(&new.key));
    assert_eq!(store.count_events(&new.key, &AuditAction::UpdateKey).await, 2);
}

/// It is only made sure that it is so.
pub async fn what_is_so_already_stays_and_adds_no_event(store: &Store) {
    let organization = store.organization().await;
    let new = store.key(&organization, 1).await;
    let start = store.end_of_feed().await;
    assert_eq!(change(store, &new.key, &new.key).await, KeyChanged::Done);
    let mut other = new.key.clone();
    other.name = KeyName::parse("other").unwrap();
    assert_eq!(change(store, &other, &other).await, KeyChanged::Stale);
    assert_eq!(store.stored(&new.key).await, new.key);
    assert_eq!(store.count_events(&new.key, &AuditAction::UpdateKey).await, 0);
    assert!(changes(store, start).await.0.is_empty());
}

/// Two editors do not overwrite each other.
pub async fn of_many_changes_at_once_of_what_was_read_once_one_is_done(store: &Store) {
    let organization = store.organization().await;
    for round in 0..8 {
        let new = store.key(&organization, round).await;
        let all = (1..=8).map(|number| {
            let name = KeyName::parse(&format!("name {number}")).unwrap();
            let (keys, after) = (Arc::clone(&store.keys), ApiKey { name, ..new.key.clone() });
            let change = fixtures::change(&new.key, &after, fixtures::at(9));
            tokio::spawn(async move { (keys.change_key(change).await.unwrap(), after) })
        });
        let outcomes: Vec<_> = join_all(all).await.into_iter().map(Result::unwrap).collect();
        let done: Vec<_> = outcomes.iter().filter(|(outcome, _)| *outcome == KeyChanged::Done).collect();
        assert_eq!(done.len(), 1, "{outcomes:?}");
        assert_eq!(store.stored(&new.key).await, done[0].1);
        assert_eq!(store.count_events(&new.key, &AuditAction::UpdateKey).await, 1);
    }
}

/// Or a revocation would be undone.
pub async fn a_key_that_was_revoked_meanwhile_is_not_changed(store: &Store) {
    let organization = store.organization().await;
    let new = store.key(&organization, 1).await;
    let _ = store.keys.revoke_key(fixtures::revoke(&new.key, fixtures::at(2))).await.unwrap();
    let disabled = fixtures::disabled(&new.key, fixtures::at(3));
    assert_eq!(change(store, &new.key, &disabled).await, KeyChanged::Stale);
    assert_eq!(store.found(&new).await.revoked_at, Some(fixtures::at(2)));
}

/// Whichever comes first: it is revoked for good, and where the change was said to be done it is there too.
pub async fn no_change_undoes_a_revocation_at_the_same_time(store: &Store) {
    let organization = store.organization().await;
    for round in 0..32 {
        let new = store.key(&organization, round).await;
        let disabled = fixtures::disabled(&new.key, fixtures::at(9));
        let (before, after) = match round % 2 {
            0 => (new.key.clone(), disabled),
            _ => (disabled, new.key.clone()),
        };
        if before != new.key {
            assert_eq!(change(store, &new.key, &before).await, KeyChanged::Done);
        }
        let (changing, revoking) = (Arc::clone(&store.keys), Arc::clone(&store.keys));
        let change = fixtures::change(&before, &after, fixtures::at(9));
        let revocation = fixtures::revoke(&before, fixtures::at(10));
        let changed = tokio::spawn(async move { changing.change_key(change).await.unwrap() });
        let revoked = tokio::spawn(async move { revoking.revoke_key(revocation).await.unwrap() });
        let (changed, revoked) = (changed.await.unwrap(), revoked.await.unwrap());
        assert!(revoked.unwrap().newly);
        let last = if changed == KeyChanged::Done { after } else { before };
        let expected = ApiKey { revoked_at: Some(fixtures::at(10)), ..last };
        assert_eq!((store.stored(&new.key).await, store.found(&new).await), (expected.clone(), expected));
    }
}

/// Whoever asks for it is told that it is disabled, and nothing else of it is lost.
pub async fn a_disabled_key_is_found_and_is_as_before_once_it_is_enabled(store: &Store) {
    let organization = store.organization().await;
    let (new, other) = (store.key(&organization, 1).await, store.key(&organization, 2).await);
    let disabled = fixtures::disabled(&new.key, fixtures::at(3));
    for _ in 0..2 {
        let start = store.end_of_feed().await;
        assert_eq!(change(store, &new.key, &disabled).await, KeyChanged::Done);
        assert_eq!(store.found(&new).await, disabled);
        assert_eq!(store.stored(&new.key).await, disabled);
        assert_eq!(store.listed(organization.id).await[1], disabled);
        assert_eq!(store.found(&other).await, other.key);
        assert_eq!(change(store, &disabled, &new.key).await, KeyChanged::Done);
        assert_eq!(store.found(&new).await, new.key);
        assert_eq!(changes(store, start).await.0, [Change::Key(new.key.id); 2]);
    }
}

/// What is disabled can be revoked, and is then found to be.
pub async fn a_disabled_key_can_be_revoked(store: &Store) {
    let organization = store.organization().await;
    let new = store.key(&organization, 1).await;
    let disabled = fixtures::disabled(&new.key, fixtures::at(3));
    assert_eq!(change(store, &new.key, &disabled).await, KeyChanged::Done);
    let _ = store.keys.revoke_key(fixtures::revoke(&new.key, fixtures::at(4))).await.unwrap();
    let revoked = ApiKey { revoked_at: Some(fixtures::at(4)), ..disabled };
    assert_eq!(store.found(&new).await, revoked);
}

/// No read after the acknowledgement sees the key as it was.
pub async fn a_disabled_key_is_seen_as_disabled_at_once(store: &Store) {
    let organization = store.organization().await;
    for round in 0..50 {
        let new = store.key(&organization, round).await;
        assert_eq!(store.found(&new).await, new.key);
        let disabled = fixtures::disabled(&new.key, fixtures::at(round));
        assert_eq!(change(store, &new.key, &disabled).await, KeyChanged::Done);
        assert_eq!(store.found(&new).await, disabled);
    }
}

/// As the creation of such a key, by whoever has changed it so.
pub async fn a_change_that_reaches_further_is_judged_as_a_creation(store: &Store) {
    let organization = store.organization().await;
    let new = store.key(&organization, 1).await;
    let creator = async |of: &dyn Fn(&mut ApiKey)| {
        let mut creator = fixtures::key(organization.id, fixtures::at(2));
        creator.key.scopes = fixtures::scopes(&["jobs:read", "api_keys:write"]);
        of(&mut creator.key);
        store.add_key(&creator).await;
        creator.key
    };
    let good = creator(&|_| {}).await;
    let revoked = creator(&|_| {}).await;
    let _ = store.keys.revoke_key(fixtures::revoke(&revoked, fixtures::at(3))).await.unwrap();
    let disabled = creator(&|_| {}).await;
    assert_eq!(
        change(store, &disabled, &fixtures::disabled(&disabled, fixtures::at(3))).await,
        KeyChanged::Done
    );
    let expired = creator(&|key| key.expires_at = Some(fixtures::at(9))).await;
    let ending = creator(&|key| key.expires_at = Some(fixtures::at(10))).await;
    let of_a_project = creator(&|key| key.project_id = ProjectId::parse("p1").ok()).await;
    let reader = creator(&|key| key.scopes = fixtures::scopes(&["jobs:read"])).await;
    let another = store.key(&store.organization().await, 1).await.key;

    let held = fixtures::scopes(&["jobs:read"]);
    let after = ApiKey { scopes: held, ..new.key.clone() };
    let beyond = ApiKey { scopes: fixtures::scopes(&["jobs:read", "backups:read"]), ..new.key.clone() };
    let denied = |forbidden: Forbidden| Insertion::Denied(forbidden.into());
    let write = || fixtures::scope("api_keys:write");
    for (creator, after, expected) in [
        (&revoked, &after, Insertion::CreatorInactive),
        (&disabled, &after, Insertion::CreatorInactive),
        (&expired, &after, Insertion::CreatorInactive),
        (&another, &after, Insertion::CreatorInactive),
        (&of_a_project, &after, denied(Forbidden::ProjectKey)),
        (&reader, &after, denied(Forbidden::MissingScope(write()))),
        (&good, &beyond, denied(Forbidden::ScopeNotHeld(fixtures::scope("backups:read")))),
        (&ending, &after, denied(Forbidden::OutlivesCreator)),
    ] {
        let by = Some(fixtures::by_key(creator.id));
        let change = KeyChange { by, ..fixtures::change(&new.key, after, fixtures::at(9)) };
        assert_eq!(store.keys.change_key(change).await.unwrap(), KeyChanged::Refused(expected));
        assert_eq!(store.stored(&new.key).await, new.key);
    }
    let by = Some(fixtures::by_key(good.id));
    let change = KeyChange { by, ..fixtures::change(&new.key, &after, fixtures::at(9)) };
    let suspension = Some(Suspension { at: fixtures::at(7), reason: None });
    for (suspension, expected) in [
        (suspension, KeyChanged::Refused(denied(Forbidden::OrganizationSuspended))),
        (None, KeyChanged::Done),
    ] {
        let set = fixtures::set_suspension(organization.id, suspension, fixtures::at(7));
        store.organizations.set_suspension(set).await.unwrap();
        assert_eq!(store.keys.change_key(change.clone()).await.unwrap(), expected);
    }
    assert_eq!(store.stored(&new.key).await, after);
    assert_eq!(store.count_events(&new.key, &AuditAction::UpdateKey).await, 1);
}

/// With the right id of a key, and the wrong organization, there is nothing.
pub async fn another_organizations_key_cannot_be_changed(store: &Store) {
    let (own, other) = (store.organization().await, store.organization().await);
    let new = store.key(&own, 1).await;
    let foreign = ApiKey { organization_id: other.id, ..new.key.clone() };
    let disabled = fixtures::disabled(&foreign, fixtures::at(3));
    assert_eq!(change(store, &foreign, &disabled).await, KeyChanged::Stale);
    let never = fixtures::key(own.id, fixtures::at(1)).key;
    assert_eq!(change(store, &never, &never).await, KeyChanged::Stale);
    assert_eq!(store.found(&new).await, new.key);
    assert_eq!(store.count_events(&new.key, &AuditAction::DisableKey).await, 0);
}
