//! Two at once, in the order that is hardest: the second began before the first committed.

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{AuditAction, Suspension},
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
    let creating = tokio::spawn(async move { store.create(&second, &event).await.unwrap() });
    scene.until_it_waits().await;
    scene.run("COMMIT").await;
    assert_eq!(creating.await.unwrap().id, scene.organization.id);
    let limit = 100.try_into().unwrap();
    assert!(AuditLog::list(&scene.store, second_id, 0, limit).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_second_to_suspend_an_organization_changes_nothing() {
    let scene = scene().await;
    scene.run("BEGIN; UPDATE organizations SET suspended_at = '2026-01-01 00:00:00.000005Z'").await;
    let (store, id) = (scene.store.clone(), scene.organization.id);
    let suspending = tokio::spawn(async move {
        let suspension = Suspension { at: fixtures::at(9), reason: None };
        let event = fixtures::event(AuditAction::SuspendOrganization, fixtures::at(9), id, None);
        store.set_suspension(id, Some(&suspension), fixtures::at(9), &event).await.unwrap().unwrap()
    });
    scene.until_it_waits().await;
    scene.run("COMMIT").await;
    let stored = suspending.await.unwrap();
    assert_eq!(stored.suspension, Some(Suspension { at: fixtures::at(5), reason: None }));
    assert_eq!(stored.updated_at, scene.organization.updated_at);
    assert_eq!(scene.events().await, 2);
}

#[tokio::test]
async fn a_key_that_meets_a_suspension_under_way_waits_for_it_and_is_refused() {
    let scene = scene().await;
    scene.run("BEGIN; UPDATE organizations SET suspended_at = '2026-01-01Z'").await;
    let key = fixtures::key(scene.organization.id, fixtures::at(3));
    assert_eq!(scene.insert_while_waiting(key).await, Insertion::OrganizationSuspended);
}

#[tokio::test]
async fn a_key_whose_creators_revocation_is_under_way_waits_for_it_and_is_refused() {
    let scene = scene().await;
    scene.run("BEGIN; UPDATE api_keys SET revoked_at = '2026-01-01Z'").await;
    let created_with = Some(scene.key.key.id);
    let key = NewKey { created_with, ..fixtures::key(scene.organization.id, fixtures::at(4)) };
    assert_eq!(scene.insert_while_waiting(key).await, Insertion::CreatorInactive);
}
