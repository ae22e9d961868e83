//! Two at once, in the order that is hardest: the second began before the first committed.

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{AuditAction, Creator, ExternalOrganizationId, Scope, Suspension},
    policy::{Denial, Forbidden},
    ports::{AuditLog, Insertion, NewKey, Organizations, Revocation},
};

use crate::scene::scene;

#[tokio::test]
async fn the_second_to_revoke_a_key_gets_the_time_of_the_first() {
    let scene = scene().await;
    scene.run("BEGIN; UPDATE api_keys SET revoked_at = '2026-01-01 00:00:00.000005Z'").await;
    let revoking = scene.revoke();
    scene.until_it_waits().await;
    scene.run("COMMIT").await;
    let expected = Revocation { revoked_at: fixtures::at(5), newly: false };
    assert_eq!(revoking.await.unwrap(), Some(expected));
    assert_eq!(scene.events().await, 2);
}

#[tokio::test]
async fn a_key_is_revoked_that_changes_in_another_way_meanwhile() {
    for end in ["COMMIT", "ROLLBACK"] {
        let scene = scene().await;
        scene.run("BEGIN; UPDATE api_keys SET last_used_at = now()").await;
        let revoking = scene.revoke();
        scene.until_it_waits().await;
        scene.run(end).await;
        let expected = Revocation { revoked_at: fixtures::at(9), newly: true };
        assert_eq!(revoking.await.unwrap(), Some(expected), "{end}");
        assert_eq!(scene.events().await, 3);
    }
}

#[tokio::test]
async fn the_second_to_create_an_organization_gets_that_of_the_first() {
    let scene = scene().await;
    scene.run("BEGIN; UPDATE organizations SET clerk_organization_id = 'org_same'").await;
    let (store, second) = (scene.store.clone(), fixtures::organization_at_clerk(fixtures::at(2), "org_same"));
    let second_id = second.id;
    let event = fixtures::event(AuditAction::CreateOrganization, fixtures::at(2), second_id, None);
    let creating =
        tokio::spawn(async move { store.create_organization(second.clone(), event.clone()).await.unwrap() });
    scene.until_it_waits().await;
    scene.run("COMMIT").await;
    assert_eq!(creating.await.unwrap().stored().unwrap().id, scene.organization.id);
    assert!(scene.store.list_events(fixtures::all_events(second_id)).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_second_to_suspend_an_organization_changes_nothing() {
    let scene = scene().await;
    scene.run("BEGIN; UPDATE organizations SET suspended_at = '2026-01-01 00:00:00.000005Z'").await;
    let (store, id) = (scene.store.clone(), scene.organization.id);
    let suspending = tokio::spawn(async move {
        let suspension = Suspension { at: fixtures::at(9), reason: None };
        store
            .set_suspension(fixtures::set_suspension(id, Some(suspension.clone()), fixtures::at(9)))
            .await
            .unwrap()
            .unwrap()
    });
    scene.until_it_waits().await;
    scene.run("COMMIT").await;
    let stored = suspending.await.unwrap();
    assert_eq!(stored.suspension, Some(Suspension { at: fixtures::at(5), reason: None }));
    assert_eq!(stored.updated_at, scene.organization.updated_at);
    assert_eq!(scene.events().await, 2);
}

/// Each is held back by a change that is under way, and is refused for what that leaves of its creator.
#[tokio::test]
async fn a_key_waits_for_whatever_is_about_to_bound_it_and_is_refused() {
    let refused = |forbidden: Forbidden| Insertion::Denied(forbidden.into());
    for (change, expected) in [
        ("UPDATE organizations SET suspended_at = '2026-01-01Z'", refused(Forbidden::OrganizationSuspended)),
        ("UPDATE api_keys SET revoked_at = '2026-01-01Z'", Insertion::CreatorInactive),
        ("UPDATE api_keys SET expires_at = '2026-01-01Z'", Insertion::CreatorInactive),
        ("UPDATE api_keys SET expires_at = '2026-01-02Z'", refused(Forbidden::OutlivesCreator)),
        ("UPDATE api_keys SET project_id = 'p1'", refused(Forbidden::ProjectKey)),
        (
            "UPDATE api_keys SET scopes = ARRAY['api_keys:read']",
            refused(Forbidden::MissingScope(Scope::API_KEYS_WRITE)),
        ),
        (
            "UPDATE api_keys SET scopes = ARRAY['api_keys:write']",
            refused(Forbidden::ScopeNotHeld(fixtures::scope("jobs:read"))),
        ),
    ] {
        let scene = scene().await;
        scene.run("UPDATE api_keys SET scopes = ARRAY['*']").await;
        scene.run(&format!("BEGIN; {change}")).await;
        let creator = fixtures::by_key(scene.key.key.id);
        let mut key = NewKey { creator, ..fixtures::key(scene.organization.id, fixtures::at(4)) };
        key.key.scopes = fixtures::scopes(&["jobs:read"]);
        assert_eq!(scene.insert_while_waiting(key).await, expected, "{change}");
    }
}

#[tokio::test]
async fn a_key_of_a_session_waits_for_its_organization_to_be_linked_to_another_and_is_refused() {
    for change in ["'org_2new'", "NULL"] {
        let scene = scene().await;
        scene.run("UPDATE organizations SET clerk_organization_id = 'org_2old'").await;
        scene.run(&format!("BEGIN; UPDATE organizations SET clerk_organization_id = {change}")).await;
        let creator = Creator::Session(ExternalOrganizationId::parse("org_2old").unwrap());
        let key = NewKey { creator, ..fixtures::key(scene.organization.id, fixtures::at(4)) };
        let expected = Insertion::Denied(Denial::AnotherOrganization);
        assert_eq!(scene.insert_while_waiting(key).await, expected);
    }
}
