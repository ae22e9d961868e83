//! Who am I?

use capykeys_domain::{
    model::Scope,
    usecases::{AuthSource, Provisioning},
};

use super::service::Service;

#[tokio::test]
async fn a_key_is_told_its_scopes_and_its_organization() {
    let service = Service::new(Provisioning::Auto);
    let organization = service.organization().await;
    let created = service.key(&organization, &[Scope::JobsRead, Scope::ApiKeysRead]).await;
    let viewer = service.app.viewer(service.sign_in(created.plaintext.expose()).await.unwrap());
    assert_eq!(viewer.organization.as_ref(), Some(&organization));
    assert_eq!(viewer.principal.auth_source, AuthSource::ApiKey);
    assert_eq!(viewer.principal.scopes, [Scope::JobsRead, Scope::ApiKeysRead]);
    assert_eq!(viewer.principal.clerk_organization_id.unwrap().as_str(), "org_2known");
    assert_eq!(viewer.principal.clerk_organization_role, None);
}

#[tokio::test]
async fn an_administrator_is_told_everything_and_a_member_what_reads() {
    let service = Service::new(Provisioning::Auto);
    service.add_session("a.d.m", Some("org_2new"), "admin", false);
    service.add_session("m.e.m", Some("org_2new"), "member", false);
    service.add_session("n.o.ne", None, "", false);
    let admin = service.app.viewer(service.sign_in("a.d.m").await.unwrap());
    assert_eq!(admin.principal.scopes, [Scope::All]);
    assert_eq!(admin.principal.clerk_organization_role.unwrap().as_str(), "org:admin");
    let member = service.app.viewer(service.sign_in("m.e.m").await.unwrap());
    let names: Vec<_> = member.principal.scopes.iter().map(|scope| scope.as_str()).collect();
    let reading = [
        "projects:read",
        "credentials:read",
        "backups:read",
        "jobs:read",
        "schema:read",
        "organizations:read",
        "api_keys:read",
    ];
    assert_eq!(names, reading);
    let alone = service.app.viewer(service.sign_in("n.o.ne").await.unwrap());
    assert_eq!((alone.organization, alone.principal.organization_id), (None, None));
}
