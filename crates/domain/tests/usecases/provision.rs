//! From a session's organization at Clerk to ours.

use std::sync::Arc;

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::AuditAction,
    ports::{Limit, Organizations},
    usecases::Provisioning,
};

use super::service::Service;

#[tokio::test]
async fn an_administrators_first_session_creates_the_organization_once() {
    let service = Arc::new(Service::new(Provisioning::Auto));
    service.add_session("a.b.c", Some("org_2new"), "admin", false);
    let sign_ins = (0..10).map(|_| {
        let service = Arc::clone(&service);
        tokio::spawn(async move { service.sign_in("a.b.c").await.unwrap().organization_id().unwrap() })
    });
    let mut ids = Vec::new();
    for sign_in in sign_ins {
        ids.push(sign_in.await.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let all = service.store.list_organizations(None, Limit::MAX).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].name.as_str(), all[0].slug.as_str()), ("acme", "acme"));
}

#[tokio::test]
async fn nobody_else_creates_one() {
    for (provisioning, role, impersonated) in [
        (Provisioning::Auto, "member", false),
        (Provisioning::Auto, "admin", true),
        (Provisioning::Registered, "admin", false),
    ] {
        let service = Service::new(provisioning);
        service.add_session("a.b.c", Some("org_2new"), role, impersonated);
        assert_eq!(service.sign_in("a.b.c").await.unwrap().organization_id(), None);
        assert_eq!(service.store.counts(), (0, 0, 0));
    }
}

#[tokio::test]
async fn everybody_finds_one_that_is_there() {
    let service = Service::new(Provisioning::Registered);
    let organization = service.organization().await;
    service.add_session("a.b.c", Some("org_2known"), "member", false);
    assert_eq!(service.sign_in("a.b.c").await.unwrap().organization_id(), Some(organization.id));
}

/// Signs in with a session that tells this slug, and gives back the slug that is stored then.
async fn slug_after(service: &Service, told: Option<&str>, impersonated: bool) -> Option<String> {
    service.add_session_with_slug("a.b.c", Some("org_2known"), "member", impersonated, told);
    let id = service.sign_in("a.b.c").await.unwrap().organization_id().unwrap();
    service.store.find_organization(id).await.unwrap().unwrap().clerk.unwrap().slug
}

#[tokio::test]
async fn a_slug_that_was_changed_at_clerk_is_followed_once_and_not_back() {
    const MINUTE: i64 = 60_000_000;
    let service = Service::new(Provisioning::Registered);
    let organization = service.organization().await;
    let first = organization.clerk.as_ref().unwrap().slug.clone();
    service.clock.advance(10 * MINUTE);
    assert_eq!(slug_after(&service, None, false).await, first, "it was not told");
    assert_eq!(slug_after(&service, Some("renamed"), true).await, first, "impersonation changes nothing");
    assert_eq!(service.store.counts().2, 1);

    assert_eq!(slug_after(&service, Some("renamed"), false).await.as_deref(), Some("renamed"));
    assert_eq!(service.store.counts().2, 2);
    for (told, minutes) in [("renamed", 1), ("acme", 1), ("renamed", 1), ("renamed", 10)] {
        assert_eq!(slug_after(&service, Some(told), false).await.as_deref(), Some("renamed"), "{told}");
        service.clock.advance(minutes * MINUTE);
    }
    assert_eq!(service.store.counts().2, 2, "one event for one renaming");
    assert_eq!(slug_after(&service, Some("again"), false).await.as_deref(), Some("again"));
    let stored = service.store.find_organization(organization.id).await.unwrap().unwrap();
    assert_eq!((stored.name, stored.slug), (organization.name, organization.slug));
}

#[tokio::test]
async fn a_slug_that_was_not_known_is_taken_from_the_first_session() {
    let service = Service::new(Provisioning::Registered);
    let mut new = fixtures::organization_at_clerk(fixtures::at(0), "org_2known");
    new.clerk.as_mut().unwrap().slug = None;
    let event = fixtures::event(AuditAction::CreateOrganization, fixtures::at(0), new.id, None);
    let _ = service.store.create_organization(new.clone(), event).await.unwrap();
    assert_eq!(slug_after(&service, Some("told"), false).await.as_deref(), Some("told"));
}
