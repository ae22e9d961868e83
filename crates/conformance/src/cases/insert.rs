//! Inserting keys.

use std::sync::Arc;

use capykeys_domain::{
    model::{
        AuditAction, Creator, ExternalOrganizationId, KeyId, Organization, OrganizationId, ProjectId, Scope,
        Suspension,
    },
    policy::{Denial, Forbidden},
    ports::{Insertion, KeyChanged, KeyStore, NewKey},
};
use futures_util::future::join_all;
use tokio::task::{JoinHandle, yield_now};

use crate::{Store, fixtures};

/// How often what can meet is made to meet, each time at another moment.
const ROUNDS: i64 = 16;

/// What was acknowledged is there, on every way to it, as it was given.
pub async fn a_key_is_found_once_it_is_inserted(store: &Store) {
    let organization = store.organization().await;
    let new = store.key(&organization, 1).await;
    let found = store.keys.find_key(organization.id, new.key.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&new.key));
    assert_eq!(store.listed(organization.id).await, std::slice::from_ref(&new.key));
    let by_digest =
        store.lookup.find_key_by_digest(std::slice::from_ref(&new.digest)).await.unwrap().unwrap();
    assert_eq!(by_digest.key, new.key);
    assert_eq!(by_digest.digest, new.digest);
    assert_eq!(by_digest.organization, organization);
}

/// Two keys with one secret cannot be, whosever they are and whether they are disabled.
pub async fn a_digest_is_unique_over_all_organizations(store: &Store) {
    let first = store.key(&store.organization().await, 1).await;
    let other = store.organization().await;
    let second = NewKey { digest: first.digest.clone(), ..fixtures::key(other.id, fixtures::at(2)) };
    refused(store, &second, Insertion::Duplicate).await;
    let disabled = fixtures::disabled(&first.key, fixtures::at(3));
    let change = fixtures::change(&first.key, &disabled, fixtures::at(3));
    assert_eq!(store.keys.change_key(change).await.unwrap(), KeyChanged::Done);
    refused(store, &second, Insertion::Duplicate).await;
    assert!(store.listed(other.id).await.is_empty());
}

/// An id names one key.
pub async fn an_id_is_unique(store: &Store) {
    let organization = store.organization().await;
    let first = store.key(&organization, 1).await;
    let mut second = fixtures::key(organization.id, fixtures::at(1));
    second.key.id = first.key.id;
    let insertion = store.keys.insert_key(second.clone(), fixtures::created(&second)).await.unwrap();
    assert_eq!(insertion, Insertion::Duplicate);
    assert!(store.lookup.find_key_by_digest(&[second.digest]).await.unwrap().is_none());
    assert_eq!(store.count_events(&first.key, &AuditAction::CreateKey).await, 1);
}

/// A key belongs to an organization that exists.
pub async fn a_key_needs_its_organization(store: &Store) {
    let nobody = OrganizationId::new(fixtures::at(0), [9; 8]);
    let new = fixtures::key(nobody, fixtures::at(1));
    refused(store, &new, Insertion::NoOrganization).await;
}

/// However long ago the caller was let through.
pub async fn a_suspended_organization_gets_no_key(store: &Store) {
    let organization = store.organization().await;
    let suspension = Suspension { at: fixtures::at(5), reason: None };
    let set =
        |suspension, micros| fixtures::set_suspension(organization.id, suspension, fixtures::at(micros));
    store.organizations.set_suspension(set(Some(suspension), 5)).await.unwrap().unwrap();
    let refusal = Insertion::Denied(Forbidden::OrganizationSuspended.into());
    refused(store, &fixtures::key(organization.id, fixtures::at(6)), refusal).await;
    store.organizations.set_suspension(set(None, 7)).await.unwrap().unwrap();
    store.key(&organization, 8).await;
}

/// Also where it is another organization's, or none at all.
pub async fn a_key_creates_none_once_it_is_revoked_or_expired(store: &Store) {
    let (organization, other) = (store.organization().await, store.organization().await);
    let end = Some(fixtures::at(100));
    let mut creator = creator_of(&organization, 1);
    creator.key.expires_at = end;
    store.add_key(&creator).await;
    let child = |organization: &Organization, micros| {
        let mut new = fixtures::key(organization.id, fixtures::at(micros));
        new.key.expires_at = end;
        NewKey { creator: fixtures::by_key(creator.key.id), ..new }
    };
    store.add_key(&child(&organization, 99)).await;
    refused(store, &child(&organization, 100), Insertion::CreatorInactive).await;
    refused(store, &child(&other, 50), Insertion::CreatorInactive).await;
    let at = fixtures::at(60);
    let _ = store.keys.revoke_key(fixtures::revoke(&creator.key, at)).await.unwrap();
    refused(store, &child(&organization, 50), Insertion::CreatorInactive).await;
    let unknown = KeyId::new(fixtures::at(9), [9; 8]);
    let orphan =
        NewKey { creator: fixtures::by_key(unknown), ..fixtures::key(organization.id, fixtures::at(70)) };
    refused(store, &orphan, Insertion::CreatorInactive).await;
}

/// Whatever it held when its caller was let through: judged is the creator that is stored.
pub async fn a_key_creates_none_that_reaches_further_than_itself(store: &Store) {
    const WRITE: &str = "api_keys:write";
    let organization = store.organization().await;
    let refused_with = |forbidden: Forbidden| Insertion::Denied(forbidden.into());
    let not_held = |scope| refused_with(Forbidden::ScopeNotHeld(fixtures::scope(scope)));
    let key = |scopes: &[&str], end: Option<i64>| {
        let mut new = fixtures::key(organization.id, fixtures::at(1));
        new.key.scopes = fixtures::scopes(scopes);
        new.key.expires_at = end.map(fixtures::at);
        new
    };
    let project = |scopes: &[&str]| {
        let mut new = key(scopes, None);
        new.key.project_id = ProjectId::parse("p1").ok();
        new
    };
    for (creator, child, expected) in [
        (key(&["*"], None), key(&["*"], None), Insertion::Inserted),
        (key(&["*"], None), key(&["schema:read", WRITE], Some(9)), Insertion::Inserted),
        (key(&[WRITE, "jobs:read"], None), key(&["jobs:read", WRITE], None), Insertion::Inserted),
        (key(&[WRITE], None), key(&[WRITE, "*"], None), not_held("*")),
        (key(&[WRITE], None), key(&[WRITE, "schema:read", "jobs:read"], None), not_held("schema:read")),
        (
            key(&["jobs:read"], None),
            key(&["jobs:read"], None),
            refused_with(Forbidden::MissingScope(Scope::API_KEYS_WRITE)),
        ),
        (
            key(&["jobs:read"], None),
            key(&["*"], None),
            refused_with(Forbidden::MissingScope(Scope::API_KEYS_WRITE)),
        ),
        (project(&["*"]), key(&["jobs:read"], None), refused_with(Forbidden::ProjectKey)),
        (project(&["jobs:read"]), key(&["*"], None), refused_with(Forbidden::ProjectKey)),
        (key(&[WRITE], Some(9)), key(&[WRITE], Some(9)), Insertion::Inserted),
        (key(&[WRITE], Some(9)), key(&[WRITE], Some(10)), refused_with(Forbidden::OutlivesCreator)),
        (key(&[WRITE], Some(9)), key(&[WRITE], None), refused_with(Forbidden::OutlivesCreator)),
        (key(&["*"], Some(9)), project(&["jobs:read"]), refused_with(Forbidden::OutlivesCreator)),
        (key(&[WRITE], Some(9)), key(&["jobs:read"], None), not_held("jobs:read")),
        (key(&["jobs:read"], Some(1)), key(&["*"], None), Insertion::CreatorInactive),
    ] {
        store.add_key(&creator).await;
        let child = NewKey { creator: fixtures::by_key(creator.key.id), ..child };
        if expected == Insertion::Inserted {
            store.add_key(&child).await;
        } else {
            refused(store, &child, expected).await;
        }
    }
}

/// It may have been linked to another one at Clerk, or to none, since the session was looked at.
pub async fn a_session_creates_keys_in_the_organization_of_its_own_alone(store: &Store) {
    let linked = store.add_organization(fixtures::organization_at_clerk(fixtures::at(0), "org_2own")).await;
    let unlinked = store.organization().await;
    let key = |organization: &Organization, at_clerk| NewKey {
        creator: Creator::Session(ExternalOrganizationId::parse(at_clerk).unwrap()),
        ..fixtures::key(organization.id, fixtures::at(1))
    };
    store.add_key(&key(&linked, "org_2own")).await;
    let refusal = Insertion::Denied(Denial::AnotherOrganization);
    refused(store, &key(&linked, "org_2other"), refusal.clone()).await;
    refused(store, &key(&linked, "org_2OWN"), refusal.clone()).await;
    refused(store, &key(&unlinked, "org_2own"), refusal.clone()).await;
    store.suspend(linked.id, true).await;
    refused(store, &key(&linked, "org_2other"), refusal).await;
    let refusal = Insertion::Denied(Forbidden::OrganizationSuspended.into());
    refused(store, &key(&linked, "org_2own"), refusal).await;
}

/// What comes after the acknowledgement is refused; what came before it stays.
pub async fn of_a_revocation_and_creations_at_once_none_is_created_after_it(store: &Store) {
    let organization = store.organization().await;
    for round in 0..ROUNDS {
        let creator = creator_of(&organization, round);
        store.add_key(&creator).await;
        let creator = creator.key;
        let creations = creations(store, &organization, round, &fixtures::by_key(creator.id)).await;
        let _ = store.keys.revoke_key(fixtures::revoke(&creator, fixtures::at(9))).await.unwrap().unwrap();
        let late = NewKey {
            creator: fixtures::by_key(creator.id),
            ..fixtures::key(organization.id, fixtures::at(8))
        };
        none_is_created_any_more(store, &late, creations, Insertion::CreatorInactive).await;
    }
}

/// However many were let through before it.
pub async fn of_a_suspension_and_creations_at_once_none_is_created_after_it(store: &Store) {
    let refusal = Insertion::Denied(Forbidden::OrganizationSuspended.into());
    for round in 0..ROUNDS {
        let organization = store.organization().await;
        let creations = creations(store, &organization, round, &Creator::Operator).await;
        store.suspend(organization.id, true).await;
        let late = fixtures::key(organization.id, fixtures::at(8));
        none_is_created_any_more(store, &late, creations, refusal.clone()).await;
    }
}

/// Keys that are being created at once. Each round gives them a little longer before it comes back.
async fn creations(
    store: &Store,
    organization: &Organization,
    round: i64,
    creator: &Creator,
) -> Vec<JoinHandle<Insertion>> {
    let creations = (0..16).map(|micros| {
        let new =
            NewKey { creator: creator.clone(), ..fixtures::key(organization.id, fixtures::at(micros % 8)) };
        let keys = Arc::clone(&store.keys);
        tokio::spawn(async move { keys.insert_key(new.clone(), fixtures::created(&new)).await.unwrap() })
    });
    let creations = creations.collect();
    for _ in 0..round * 3 {
        yield_now().await;
    }
    creations
}

/// What ends the right to create them was acknowledged: the keys that are there by now are all that there will be.
async fn none_is_created_any_more(
    store: &Store,
    late: &NewKey,
    creations: Vec<JoinHandle<Insertion>>,
    refusal: Insertion,
) {
    let there = store.listed(late.key.organization_id).await;
    for creation in join_all(creations).await {
        let insertion = creation.unwrap();
        assert!(insertion == Insertion::Inserted || insertion == refusal, "{insertion:?}");
    }
    let later = store.listed(late.key.organization_id).await;
    assert_eq!(later.len(), there.len(), "a key was created after its creator's end was acknowledged");
    refused(store, late, refusal).await;
}

/// Key and event commit together or not at all.
pub async fn a_key_is_there_if_and_only_if_its_event_is(store: &Store) {
    let organization = store.organization().await;
    let first = store.key(&organization, 1).await;
    assert_eq!(store.count_events(&first.key, &AuditAction::CreateKey).await, 1);
    let duplicate = NewKey { digest: first.digest, ..fixtures::key(organization.id, fixtures::at(2)) };
    refused(store, &duplicate, Insertion::Duplicate).await;
    assert_eq!(store.listed(organization.id).await, [first.key]);
}

/// The unique digest holds under concurrency.
pub async fn of_many_inserts_of_one_digest_at_once_one_succeeds(store: &Store) {
    let organization = store.organization().await;
    let digest = fixtures::key(organization.id, fixtures::at(0)).digest;
    let inserts = (1..=16).map(|micros| {
        let new = NewKey { digest: digest.clone(), ..fixtures::key(organization.id, fixtures::at(micros)) };
        let keys: Arc<dyn KeyStore> = Arc::clone(&store.keys);
        tokio::spawn(async move { keys.insert_key(new.clone(), fixtures::created(&new)).await.unwrap() })
    });
    let outcomes: Vec<Insertion> = join_all(inserts).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|one| **one == Insertion::Inserted).count(), 1, "{outcomes:?}");
    let keys = store.listed(organization.id).await;
    assert_eq!(keys.len(), 1);
    let events = store.events(organization.id).await;
    let created: Vec<Option<KeyId>> = events
        .iter()
        .filter(|one| one.event.action == AuditAction::CreateKey)
        .map(|one| one.event.key_id)
        .collect();
    assert_eq!(created, [Some(keys[0].id)]);
}

/// A key that may create others, created `micros` microseconds after the start.
fn creator_of(organization: &Organization, micros: i64) -> NewKey {
    let mut new = fixtures::key(organization.id, fixtures::at(micros));
    new.key.scopes = fixtures::scopes(&["*"]);
    new
}

/// The insert is refused, and leaves neither key nor event.
async fn refused(store: &Store, new: &NewKey, expected: Insertion) {
    let insertion = store.keys.insert_key(new.clone(), fixtures::created(new)).await.unwrap();
    assert_eq!(insertion, expected);
    assert_eq!(store.keys.find_key(new.key.organization_id, new.key.id).await.unwrap(), None);
    assert_eq!(store.count_events(&new.key, &AuditAction::CreateKey).await, 0);
}
