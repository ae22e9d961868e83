//! Verifying a key for somebody who was shown it, and who is waited for when it is revoked.

use std::time::Duration;

use capykeys_conformance::{
    fixtures::{self, at},
    service::{Service, spec},
};
use capykeys_domain::{
    model::{ProjectId, ScopeCatalogue, ScopeSet},
    policy::{Permit, Rejection, Requirement},
    ports::{Change, KeyUse},
};

fn needs(scopes: &[&str], project: Option<&str>) -> Requirement {
    Requirement {
        scopes: ScopeSet::from_stored(scopes.iter().copied()).ok(),
        project_id: project.map(|id| ProjectId::parse(id).unwrap()),
    }
}

async fn verdict(service: &Service, key: &str, requirement: &Requirement) -> Result<(), Rejection> {
    let key = service.environment.format().parse(key);
    service.verdicts.verify(key.as_ref(), requirement, Duration::ZERO).await.unwrap().verdict.map(drop)
}

#[tokio::test]
async fn a_key_is_good_for_the_scopes_that_it_grants_and_no_other() {
    let service = Service::default();
    let organization = service.organization().await;
    let key = service.key(&organization, &["jobs:read", "backups:read"]).await;
    let key = key.plaintext.expose();
    for (scopes, expected) in [
        (&[][..], Ok(())),
        (&["jobs:read"], Ok(())),
        (&["backups:read", "jobs:read"], Ok(())),
        (&["jobs:read", "schema:read"], Err(Rejection::InsufficientScope)),
        (&["*"], Err(Rejection::InsufficientScope)),
    ] {
        assert_eq!(verdict(&service, key, &needs(scopes, None)).await, expected, "{scopes:?}");
    }
}

#[tokio::test]
async fn a_key_of_one_project_is_good_in_that_one_and_a_key_of_the_organization_in_each() {
    let service = Service::default();
    let organization = service.organization().await;
    let permit = Permit::operator_creates_key(&organization);
    let own = spec(&["jobs:read"])
        .for_project(ProjectId::parse("p1").unwrap(), &ScopeCatalogue::default())
        .unwrap();
    let own = service.management.create_key(&permit, own, &fixtures::context()).await.unwrap();
    let whole = service.key(&organization, &["jobs:read"]).await;
    for (key, project, expected) in [
        (&own, Some("p1"), Ok(())),
        (&own, Some("p2"), Err(Rejection::WrongProject)),
        (&own, None, Ok(())),
        (&whole, Some("p1"), Ok(())),
        (&whole, None, Ok(())),
    ] {
        assert_eq!(verdict(&service, key.plaintext.expose(), &needs(&[], project)).await, expected);
    }
}

#[tokio::test]
async fn of_several_reasons_the_first_in_the_order_of_the_api_is_told() {
    let service = Service::default();
    let organization = service.organization().await;
    let permit = Permit::operator_creates_key(&organization);
    let spec = spec(&["jobs:read"])
        .for_project(ProjectId::parse("p1").unwrap(), &ScopeCatalogue::default())
        .and_then(|spec| spec.expiring_at(at(1_000), at(0)))
        .unwrap();
    let created = service.management.create_key(&permit, spec, &fixtures::context()).await.unwrap();
    let key = created.plaintext.expose();
    let wrong = needs(&["schema:read"], Some("p2"));
    let own = needs(&["schema:read"], Some("p1"));

    assert_eq!(verdict(&service, key, &own).await, Err(Rejection::InsufficientScope));
    assert_eq!(verdict(&service, key, &wrong).await, Err(Rejection::WrongProject));
    let manage = Permit::operator_manages(organization.id);
    let _ = service.operators.suspend_organization(&manage, None, &fixtures::context()).await.unwrap();
    assert_eq!(verdict(&service, key, &wrong).await, Err(Rejection::OrganizationSuspended));
    service.clock.set(at(1_000));
    assert_eq!(verdict(&service, key, &wrong).await, Err(Rejection::Expired));
    let permit = Permit::operator_revokes_key(&organization, created.key.id);
    let _ = service.management.revoke_key(&permit, &fixtures::context()).await.unwrap();
    assert_eq!(verdict(&service, key, &wrong).await, Err(Rejection::Revoked));
    assert_eq!(verdict(&service, "capy_live_nonsense", &wrong).await, Err(Rejection::NotFound));
}

#[tokio::test]
async fn a_verdict_that_comes_from_no_memory_is_good_for_the_moment_alone() {
    let service = Service::default();
    let organization = service.organization().await;
    let key = service.key(&organization, &["jobs:read"]).await;
    let verification =
        service.verdicts.verify(Some(&key.plaintext), &needs(&[], None), Duration::MAX).await.unwrap();
    assert_eq!(verification.reliable_for, Duration::ZERO);
    assert_eq!(verification.verdict.unwrap().key.id, key.key.id);
}

#[tokio::test]
async fn whoever_remembers_what_was_changed_is_waited_for_also_where_it_was_changed_already() {
    let service = Service::default();
    let organization = service.organization().await;
    let key = service.key(&organization, &["*"]).await.key.id;
    let permit = Permit::operator_revokes_key(&organization, key);
    for _ in 0..2 {
        let _ = service.management.revoke_key(&permit, &fixtures::context()).await.unwrap();
    }
    let manage = Permit::operator_manages(organization.id);
    let _ = service.operators.suspend_organization(&manage, None, &fixtures::context()).await.unwrap();
    let _ = service.operators.resume_organization(&manage, &fixtures::context()).await.unwrap();
    let (key, organization) = (Change::Key(key), Change::Organization(organization.id));
    assert_eq!(*service.replicas.0.lock().unwrap(), [key, key, organization, organization]);
}

#[tokio::test]
async fn a_good_verdict_is_a_use_of_the_key_and_a_bad_one_is_none() {
    let service = Service::default();
    let organization = service.organization().await;
    let key = service.key(&organization, &["jobs:read"]).await;
    service.clock.set(at(7));
    verdict(&service, key.plaintext.expose(), &needs(&["*"], None)).await.unwrap_err();
    assert_eq!(service.uses.told(), []);
    verdict(&service, key.plaintext.expose(), &needs(&["jobs:read"], None)).await.unwrap();
    assert_eq!(service.uses.told(), [KeyUse { key: key.key.id, at: at(7), with_previous: false }]);
}
