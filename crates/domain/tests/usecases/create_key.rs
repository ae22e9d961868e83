//! Creating and revoking keys.

use capykeys_conformance::{
    fixtures::{self, at},
    service::{Service, in_organization, spec},
};
use capykeys_domain::{
    model::{AuditAction, AuditOutcome, KeyId},
    policy::{Denial, Forbidden, ListKeys, Permit, Target},
    ports::AuditLog,
    usecases::{AccessError, CreateKeyError, KeyError},
};

#[tokio::test]
async fn a_key_that_would_reach_further_than_its_creator_is_not_created() {
    let service = Service::default();
    let organization = service.organization().await;
    let (_, permit) = service.creator(&organization, &["api_keys:write", "jobs:read"]).await;
    let before = service.store.counts();
    let refused = service.management.create_key(&permit, spec(&["backups:read"]), &fixtures::context()).await;
    let Err(CreateKeyError::Denied(denial)) = refused else { panic!("created") };
    assert_eq!(denial, Denial::Forbidden(Forbidden::ScopeNotHeld(fixtures::scope("backups:read"))));
    assert_eq!((service.store.counts().0, service.store.counts().1), (before.0, before.1));
    let created =
        service.management.create_key(&permit, spec(&["jobs:read"]), &fixtures::context()).await.unwrap();
    assert_eq!(created.key.scopes, spec(&["jobs:read"]).scopes().clone());
}

#[tokio::test]
async fn a_key_that_is_revoked_after_it_was_let_through_creates_nothing() {
    let service = Service::default();
    let organization = service.organization().await;
    let (creator, permit) = service.creator(&organization, &["*"]).await;
    let context = fixtures::context();
    let revocation = Permit::operator_revokes_key(&organization, creator.key.id);
    let _ = service.management.revoke_key(&revocation, &context).await.unwrap();
    let before = service.store.counts();
    let refused = service.management.create_key(&permit, spec(&["jobs:read"]), &context).await;
    assert!(matches!(refused, Err(CreateKeyError::CreatorInactive)));
    assert_eq!(service.store.counts(), before);
}

#[tokio::test]
async fn an_organization_that_is_suspended_after_its_caller_was_let_through_gets_no_key() {
    let service = Service::default();
    let organization = service.organization().await;
    let (_, permit) = service.creator(&organization, &["*"]).await;
    let context = fixtures::context();
    let manage = Permit::operator_manages(organization.id);
    service.operators.suspend_organization(&manage, None, &context).await.unwrap().unwrap();
    let refused = service.management.create_key(&permit, spec(&["jobs:read"]), &context).await;
    let Err(CreateKeyError::Denied(denial)) = refused else { panic!("created") };
    assert_eq!(denial, Denial::Forbidden(Forbidden::OrganizationSuspended));
}

/// What the store says is what the policy says, and is recorded like that.
#[tokio::test]
async fn what_the_store_refuses_is_a_recorded_denial() {
    let service = Service::default();
    let organization = service.organization().await;
    service.add_session("an.admins.token", Some("org_2known"), "org:admin", false);
    let caller = service.sign_in("an.admins.token").await.unwrap();
    let context = fixtures::context();
    let permit =
        service.management.permit(&caller, in_organization(organization.id), &context).await.unwrap();
    service.store.link(organization.id, None);
    let before = service.store.counts();
    let refused = service.management.create_key(&permit, spec(&["jobs:read"]), &context).await;
    assert!(matches!(refused, Err(CreateKeyError::Denied(Denial::AnotherOrganization))));
    assert_eq!(service.store.counts(), (before.0, before.1, before.2 + 1));
    let records = service.store.list_events(fixtures::all_events(organization.id)).await.unwrap();
    let last = &records.last().unwrap().event;
    assert_eq!((&last.action, &last.outcome), (&AuditAction::CreateKey, &AuditOutcome::Denied));
    assert_eq!(last.actor, caller.actor());
}

#[tokio::test]
async fn two_keys_never_share_id_or_secret() {
    let service = Service::default();
    let organization = service.organization().await;
    let first = service.key(&organization, &["*"]).await;
    let second = service.key(&organization, &["*"]).await;
    assert_ne!(first.key.id, second.key.id);
    assert_ne!(first.plaintext.expose(), second.plaintext.expose());
    assert!(first.plaintext.expose().starts_with(first.key.key_prefix.as_str()));
}

#[tokio::test]
async fn a_refusal_is_in_the_audit_log_of_the_callers_organization() {
    let service = Service::default();
    let (organization, other) = (service.organization().await, fixtures::organization(at(0)));
    let key = service.key(&organization, &["jobs:read"]).await;
    let caller = service.sign_in(key.plaintext.expose()).await.unwrap();
    let (_, permit) = service.creator(&organization, &["api_keys:write"]).await;
    assert!(service.management.create_key(&permit, spec(&["*"]), &fixtures::context()).await.is_err());
    for target in [Some(organization.id), Some(other.id), None] {
        let target = Target { organization: target, key: None };
        let refused = service.management.permit::<ListKeys>(&caller, target, &fixtures::context()).await;
        assert!(matches!(refused, Err(AccessError::Denied(_))));
    }
    let records = service.store.list_events(fixtures::all_events(organization.id)).await.unwrap();
    let denials = records.iter().filter(|one| one.event.outcome == AuditOutcome::Denied);
    let asked_for: Vec<_> = denials.clone().map(|one| one.event.target_organization_id).collect();
    assert_eq!(asked_for, [None, None, Some(other.id), None]);
    let reasons: Vec<_> = denials.clone().flat_map(|one| one.event.details.iter()).collect();
    assert_eq!(reasons[0].1, "The API key cannot grant the scope *, which it does not hold itself.");
    assert_eq!(reasons[2], ("reason", "The credential is not for this organization."));
    let denials: Vec<_> = denials.map(|one| (one.event.action.clone(), one.event.actor.clone())).collect();
    let mut expected = vec![(AuditAction::ListKeys, caller.actor()); 3];
    expected.insert(0, (AuditAction::CreateKey, permit.actor().clone()));
    assert_eq!(denials, expected);
}

#[tokio::test]
async fn revoking_a_key_leaves_the_keys_that_it_created_alone() {
    let service = Service::default();
    let organization = service.organization().await;
    let (parent, permit) = service.creator(&organization, &["*"]).await;
    let child = service.management.create_key(&permit, spec(&["*"]), &fixtures::context()).await.unwrap();
    let permit = Permit::operator_revokes_key(&organization, parent.key.id);
    let _ = service.management.revoke_key(&permit, &fixtures::context()).await.unwrap();
    assert!(service.sign_in(child.plaintext.expose()).await.is_ok());
    assert!(service.sign_in(parent.plaintext.expose()).await.is_err());
}

#[tokio::test]
async fn an_id_that_no_key_can_have_is_an_unknown_key() {
    let service = Service::default();
    let organization = service.organization().await;
    let admin = service.key(&organization, &["*"]).await;
    let caller = service.sign_in(admin.plaintext.expose()).await.unwrap();
    for id in [None, Some(KeyId::new(at(7), [7; 8]))] {
        let context = fixtures::context();
        let target = Target { organization: Some(organization.id), key: id };
        let permit = service.management.permit(&caller, target, &context).await.unwrap();
        let refused = service.management.revoke_key(&permit, &context).await;
        assert!(matches!(refused, Err(KeyError::NoSuchKey)));
    }
}

#[tokio::test]
async fn keys_that_are_made_while_the_clock_stands_still_are_listed_as_they_were_made() {
    let service = Service::default();
    let organization = service.organization().await;
    let mut made = Vec::new();
    for _ in 0..20 {
        made.push(service.key(&organization, &["jobs:read"]).await.key.id);
    }
    assert!(made.is_sorted(), "{made:?}");
}
