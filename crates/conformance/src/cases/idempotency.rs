//! Requests that are done once, however often they are sent.

use capykeys_domain::{
    model::{ApiKey, AuditAction, DeviceName, Organization, ProjectId, Suspension, UserId},
    policy::Forbidden,
    ports::{Insertion, KeyUse, NewKey, Repeated, StoredKey},
};
use futures_util::future::join_all;

use super::cancel::drop_after;
use crate::{Store, fixtures};

fn new(organization: &Organization, id: u8, micros: i64) -> NewKey {
    fixtures::request::requested(id, fixtures::key(organization.id, fixtures::at(micros)))
}

async fn insert(store: &Store, new: &NewKey) -> Insertion {
    store.keys.insert_key(new.clone(), fixtures::created(new)).await.unwrap()
}

/// What is told of a request that was done with this key, which is as it was.
fn repeated(first: &NewKey, present: ApiKey) -> Insertion {
    let present = StoredKey {
        key: present,
        digest: first.digest.clone(),
        previous_digest: None,
        expiry_noticed_until: None,
    };
    let record = first.idempotency.clone().unwrap();
    Insertion::Repeated(Box::new(Repeated { record, answered: first.key.clone(), present }))
}

/// That it made nothing.
async fn made_nothing(store: &Store, new: &NewKey) {
    assert_eq!(store.keys.find_key(new.key.organization_id, new.key.id).await.unwrap(), None);
    assert!(store.lookup.find_key_by_digest(std::slice::from_ref(&new.digest)).await.unwrap().is_none());
    assert_eq!(store.count_events(&new.key, &AuditAction::CreateKey).await, 0);
}

/// It is told all that was stored of the first, and makes nothing.
pub async fn a_request_is_done_once(store: &Store) {
    let organization = store.organization().await;
    let first = new(&organization, 1, 1);
    assert_eq!(insert(store, &first).await, Insertion::Inserted);
    assert_eq!(store.listed(organization.id).await, std::slice::from_ref(&first.key));
    assert_eq!(store.count_events(&first.key, &AuditAction::CreateKey).await, 1);
    for micros in 2..5 {
        let again = new(&organization, 1, micros);
        assert_eq!(insert(store, &again).await, repeated(&first, first.key.clone()));
        made_nothing(store, &again).await;
    }
    let another = new(&organization, 2, 5);
    assert_eq!(insert(store, &another).await, Insertion::Inserted);
    assert_eq!(insert(store, &new(&organization, 2, 6)).await, repeated(&another, another.key.clone()));
}

/// The answer stays what it was, and the key is what it is.
pub async fn a_repeated_request_is_told_the_key_as_it_was_and_as_it_is(store: &Store) {
    let organization = store.organization().await;
    let full = fixtures::key(organization.id, fixtures::at(1));
    let full = ApiKey {
        scopes: fixtures::scopes(&["jobs:read", "backups:read"]),
        expires_at: Some(fixtures::at(9_000_001)),
        device_name: DeviceName::parse("Ümläut \"👩‍👩‍👧‍👦\" \\").ok(),
        project_id: ProjectId::parse("p1").ok(),
        created_by_user_id: UserId::parse("user_2a"),
        ..full.key
    };
    let first = fixtures::request::requested(
        1,
        NewKey { key: full, ..fixtures::key(organization.id, fixtures::at(1)) },
    );
    assert_eq!(insert(store, &first).await, Insertion::Inserted);
    let used = KeyUse { key: first.key.id, at: fixtures::at(2), with_previous: false };
    store.keys.record_uses(vec![used]).await.unwrap();
    let present = ApiKey { last_used_at: Some(fixtures::at(2)), ..first.key.clone() };
    assert_eq!(insert(store, &new(&organization, 1, 3)).await, repeated(&first, present.clone()));
    let disabled = fixtures::disabled(&present, fixtures::at(4));
    let _ = store.keys.change_key(fixtures::change(&present, &disabled, fixtures::at(4))).await.unwrap();
    assert_eq!(insert(store, &new(&organization, 1, 5)).await, repeated(&first, disabled.clone()));
    let _ = store.keys.revoke_key(fixtures::revoke(&disabled, fixtures::at(6))).await.unwrap();
    let revoked = ApiKey { revoked_at: Some(fixtures::at(6)), ..disabled };
    assert_eq!(insert(store, &new(&organization, 1, 7)).await, repeated(&first, revoked));
}

/// However many they are: each of the others is told of that one, or that it is still running.
pub async fn of_many_requests_of_one_id_at_once_one_is_done(store: &Store) {
    for round in 0..8 {
        let organization = store.organization().await;
        let requests: Vec<NewKey> = (1..=16).map(|micros| new(&organization, round, micros)).collect();
        let inserts = requests.iter().map(|new| {
            let (keys, new) = (store.keys.clone(), new.clone());
            tokio::spawn(async move { keys.insert_key(new.clone(), fixtures::created(&new)).await.unwrap() })
        });
        let outcomes: Vec<Insertion> = join_all(inserts).await.into_iter().map(Result::unwrap).collect();
        let done = requests.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Insertion::Inserted);
        let done: Vec<&NewKey> = done.map(|(new, _)| new).collect();
        let [first] = done[..] else { panic!("{} requests were done", done.len()) };
        for (new, outcome) in requests.iter().zip(&outcomes).filter(|(new, _)| new.key.id != first.key.id) {
            let told = [Insertion::Running, repeated(first, first.key.clone())];
            assert!(told.contains(outcome), "another is told {outcome:?}");
            made_nothing(store, new).await;
        }
        assert_eq!(store.listed(organization.id).await, std::slice::from_ref(&first.key));
        assert_eq!(insert(store, &new(&organization, round, 17)).await, repeated(first, first.key.clone()));
    }
}

/// It is there with its key, or neither is; and nobody has to wait for what was given up.
pub async fn a_dropped_request_is_whole_or_absent(store: &Store) {
    let organization = store.organization().await;
    for round in 0..30_usize {
        let dropped = new(&organization, round.try_into().unwrap(), 1);
        drop_after(
            round * round * round / 4,
            store.keys.insert_key(dropped.clone(), fixtures::created(&dropped)),
        )
        .await;
        let again = new(&organization, round.try_into().unwrap(), 2);
        let outcome = loop {
            match insert(store, &again).await {
                Insertion::Running => tokio::task::yield_now().await,
                outcome => break outcome,
            }
        };
        let found = store.keys.find_key(organization.id, dropped.key.id).await.unwrap();
        match found {
            Some(key) => assert_eq!(outcome, repeated(&dropped, key), "a key is there without its record"),
            None => assert_eq!(outcome, Insertion::Inserted, "a record is there without its key"),
        }
    }
}

/// Whatever was refused can be sent again under the same name.
pub async fn a_request_that_was_not_done_is_not_remembered(store: &Store) {
    let organization = store.organization().await;
    let taken = store.key(&organization, 1).await;
    let good = new(&organization, 1, 2);
    let unknown = fixtures::by_key(fixtures::key(organization.id, fixtures::at(0)).key.id);
    let nobody = fixtures::organization(fixtures::at(0));
    for (refused, expected) in [
        (NewKey { digest: taken.digest, ..good.clone() }, Insertion::Duplicate),
        (
            NewKey { key: ApiKey { id: taken.key.id, ..good.key.clone() }, ..good.clone() },
            Insertion::Duplicate,
        ),
        (NewKey { creator: unknown, ..good.clone() }, Insertion::CreatorInactive),
        (
            NewKey { key: ApiKey { organization_id: nobody.id, ..good.key.clone() }, ..good.clone() },
            Insertion::NoOrganization,
        ),
    ] {
        assert_eq!(insert(store, &refused).await, expected);
    }
    let suspend = async |suspension| {
        let set = fixtures::set_suspension(organization.id, suspension, fixtures::at(3));
        store.organizations.set_suspension(set).await.unwrap();
    };
    suspend(Some(Suspension { at: fixtures::at(3), reason: None })).await;
    let suspended = Insertion::Denied(Forbidden::OrganizationSuspended.into());
    assert_eq!(insert(store, &good).await, suspended);
    suspend(None).await;
    assert_eq!(insert(store, &good).await, Insertion::Inserted);
}

/// Whoever may not make such a key any more is not told the one that it made.
pub async fn what_bounds_a_key_is_looked_at_before_a_repetition(store: &Store) {
    let organization = store.organization().await;
    let mut creator = fixtures::key(organization.id, fixtures::at(1));
    creator.key.scopes = fixtures::scopes(&["*"]);
    store.add_key(&creator).await;
    let of_creator =
        |micros| NewKey { creator: fixtures::by_key(creator.key.id), ..new(&organization, 1, micros) };
    let first = of_creator(2);
    assert_eq!(insert(store, &first).await, Insertion::Inserted);
    assert_eq!(insert(store, &of_creator(3)).await, repeated(&first, first.key.clone()));
    let suspension = Some(Suspension { at: fixtures::at(4), reason: None });
    for (suspension, expected) in [
        (suspension, Insertion::Denied(Forbidden::OrganizationSuspended.into())),
        (None, repeated(&first, first.key.clone())),
    ] {
        let set = fixtures::set_suspension(organization.id, suspension, fixtures::at(4));
        store.organizations.set_suspension(set).await.unwrap();
        assert_eq!(insert(store, &of_creator(5)).await, expected);
    }
    let _ = store.keys.revoke_key(fixtures::revoke(&creator.key, fixtures::at(6))).await.unwrap();
    assert_eq!(insert(store, &of_creator(7)).await, Insertion::CreatorInactive);
}

/// At the end of the day, to the microsecond; then the name can be given to another.
pub async fn a_request_is_forgotten_after_a_day(store: &Store) {
    let organization = store.organization().await;
    let day = 24 * 3_600 * 1_000_000;
    // More than go at once.
    let first: Vec<NewKey> = (0..20).map(|id| new(&organization, id, i64::from(id))).collect();
    for new in &first {
        assert_eq!(insert(store, new).await, Insertion::Inserted);
    }
    for (id, before) in (0..20).zip(&first) {
        let last = new(&organization, id, day + i64::from(id) - 1);
        assert_eq!(insert(store, &last).await, repeated(before, before.key.clone()));
        let later = new(&organization, id, day + i64::from(id));
        assert_eq!(insert(store, &later).await, Insertion::Inserted);
        let again = new(&organization, id, 2 * day + i64::from(id) - 1);
        assert_eq!(insert(store, &again).await, repeated(&later, later.key.clone()));
    }
    assert_eq!(store.listed(organization.id).await.len(), 40);
}
