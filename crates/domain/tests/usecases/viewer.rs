//! Who am I?

use capykeys_conformance::service::{OF_A_MEMBER, Service};
use capykeys_domain::{model::ScopeSet, usecases::AuthSource};

#[tokio::test]
async fn a_key_is_told_its_scopes_and_its_organization() {
    let service = Service::default();
    let organization = service.organization().await;
    let created = service.key(&organization, &["jobs:read", "api_keys:read"]).await;
    let viewer = service.viewer(service.sign_in(created.plaintext.expose()).await.unwrap()).await;
    assert_eq!(viewer.organization.as_ref(), Some(&organization));
    assert_eq!(viewer.principal.auth_source, AuthSource::ApiKey);
    assert_eq!(viewer.principal.scopes.to_string(), "jobs:read api_keys:read");
    assert_eq!(viewer.principal.clerk_organization_id.unwrap().as_str(), "org_2known");
    assert_eq!(viewer.principal.clerk_organization_role, None);
}

/// What the session is told that it may do.
async fn scopes_told(service: &Service, token: &str) -> Vec<String> {
    let scopes = service.viewer(service.sign_in(token).await.unwrap()).await.principal.scopes;
    scopes.iter().map(|scope| scope.as_str().to_owned()).collect()
}

#[tokio::test]
async fn an_administrator_is_told_everything_and_a_member_what_reads_but_no_credentials() {
    let service = Service::default();
    service.add_session("a.d.m", Some("org_2new"), "admin", false);
    service.add_session("m.e.m", Some("org_2new"), "member", false);
    service.add_session("b.i.ll", Some("org_2new"), "org:billing", false);
    let admin = service.viewer(service.sign_in("a.d.m").await.unwrap()).await;
    assert_eq!(admin.principal.scopes.to_string(), "*");
    assert_eq!(admin.principal.clerk_organization_role.unwrap().as_str(), "org:admin");
    for member in ["m.e.m", "b.i.ll"] {
        assert_eq!(scopes_told(&service, member).await, OF_A_MEMBER, "{member}");
    }
}

#[tokio::test]
async fn whoever_acts_as_an_administrator_is_told_what_a_member_is() {
    let service = Service::default();
    service.add_session("a.c.t", Some("org_2new"), "admin", true);
    assert_eq!(scopes_told(&service, "a.c.t").await, OF_A_MEMBER);
}

#[tokio::test]
async fn a_session_without_an_organization_has_no_role_and_is_told_nothing() {
    let service = Service::default();
    service.add_session("n.o.ne", None, "", false);
    let alone = service.viewer(service.sign_in("n.o.ne").await.unwrap()).await;
    assert_eq!((alone.organization, alone.principal.organization_id), (None, None));
    assert_eq!(alone.principal.scopes, ScopeSet::default());
}
