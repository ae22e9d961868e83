//! From a session's organization at Clerk to ours.

use std::{num::NonZeroU32, sync::Arc};

use capykeys_domain::{ports::Organizations, usecases::Provisioning};

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
    let all = Organizations::list(&service.store, None, NonZeroU32::MAX).await.unwrap();
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
