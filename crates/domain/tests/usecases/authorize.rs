//! Sessions behind gateways, and what they are told that they may do.

use capykeys_conformance::fixtures::{self, SCOPES, context};
use capykeys_domain::{
    model::{ProjectId, Role, ScopeCatalogue, ScopeSet},
    policy::{Permit, Requirement, RoleTable, RouteNeeds},
    secret::Credential,
    usecases::{AuthorizeError, Authorized, Identity, Provisioning},
};
use proptest::{
    collection::vec,
    prelude::{Strategy, any, prop_assert_eq, proptest},
    sample::{select, subsequence},
};

use super::service::{OF_A_MEMBER, Service, session};

/// Whether the session may do what needs `requirement`, and as whom the API sees it.
async fn authorize(
    service: &Service,
    token: &str,
    requirement: Requirement,
) -> Result<Identity, AuthorizeError> {
    let credential = Credential::parse(service.app.format(), token);
    let needs = RouteNeeds { requirement, anonymous: false };
    let who = service.app.authorize(credential.as_ref(), &needs, &context()).await?;
    assert!(matches!(who, Authorized::Session { .. }), "{who:?}");
    Ok(Identity::from(&who))
}

fn scope(name: &str) -> Requirement {
    Requirement { scopes: Some(fixtures::scopes(&[name])), ..Requirement::default() }
}

/// The scopes by which a session of this role gets through, tried one by one.
async fn passes_with(service: &Service, token: &str) -> Vec<&'static str> {
    let mut passing = Vec::new();
    for one in SCOPES {
        let outcome = authorize(service, token, scope(one)).await;
        assert!(matches!(outcome, Ok(_) | Err(AuthorizeError::Forbidden(_))), "{outcome:?}");
        if outcome.is_ok() {
            passing.push(one);
        }
    }
    passing
}

#[tokio::test]
async fn by_default_no_member_gets_at_credentials_and_no_scope_is_granted_for_its_spelling() {
    let service = Service::new(Provisioning::Registered);
    service.organization().await;
    for (role, impersonated) in
        [("org:member", false), ("org:billing", false), ("org:admin", true), ("org:member", true)]
    {
        service.add_session("a.b.c", Some("org_2known"), role, impersonated);
        assert_eq!(passes_with(&service, "a.b.c").await, OF_A_MEMBER, "{role} {impersonated}");
    }
    service.add_session("a.b.c", Some("org_2known"), "org:admin", false);
    assert_eq!(passes_with(&service, "a.b.c").await, SCOPES);
}

#[tokio::test]
async fn a_session_is_good_in_every_project_and_is_named_with_none() {
    let service = Service::new(Provisioning::Registered);
    let organization = service.organization().await;
    service.add_session("a.b.c", Some("org_2known"), "org:member", false);
    for project in ["p1", "of-somebody-else"] {
        let requirement = Requirement { project_id: ProjectId::parse(project).ok(), ..scope("jobs:read") };
        let identity = authorize(&service, "a.b.c", requirement).await.unwrap();
        assert_eq!(identity.organization_id, organization.id.to_string());
        assert_eq!(identity.project_id, "", "{project}");
        let requirement =
            Requirement { project_id: ProjectId::parse(project).ok(), ..scope("credentials:read") };
        let refused = authorize(&service, "a.b.c", requirement).await;
        assert!(matches!(refused, Err(AuthorizeError::Forbidden(_))), "{project}: {refused:?}");
    }
}

#[tokio::test]
async fn no_session_of_a_suspended_organization_passes() {
    let service = Service::new(Provisioning::Registered);
    let organization = service.organization().await;
    service.add_session("a.b.c", Some("org_2known"), "org:admin", false);
    assert!(authorize(&service, "a.b.c", Requirement::default()).await.is_ok());
    let permit = Permit::operator_manages(organization.id);
    service.app.suspend_organization(&permit, None, &context()).await.unwrap();
    let refused = authorize(&service, "a.b.c", Requirement::default()).await;
    assert!(matches!(refused, Err(AuthorizeError::Forbidden("The organization is suspended."))));
}

fn scopes() -> impl Strategy<Value = ScopeSet> {
    let names = subsequence(SCOPES.to_vec(), 0..=SCOPES.len());
    names.prop_map(|names| ScopeSet::from_stored(names).unwrap_or_default())
}

const ROLES: [&str; 4] = ["org:admin", "org:member", "org:billing", "org:other"];

fn table() -> impl Strategy<Value = RoleTable> {
    let rows = vec((select(ROLES[..3].to_vec()), scopes()), 0..4);
    (rows, scopes()).prop_map(|(rows, others)| {
        let rows = rows.into_iter().map(|(role, scopes)| (Role::parse(role).unwrap(), scopes));
        RoleTable::new(ScopeCatalogue::default(), rows.collect(), others)
    })
}

proptest! {
    #[test]
    fn whoever_acts_as_another_has_what_both_that_user_and_a_member_have(
        table in table(),
        role in select(ROLES.to_vec()),
    ) {
        let held = |role: &str, impersonated| table.scopes_of(&session(Some("org_2known"), role, impersonated));
        let (acting, own, member) = (held(role, true), held(role, false), held("org:member", false));
        for scope in SCOPES.map(fixtures::scope) {
            prop_assert_eq!(acting.grants(&scope), own.grants(&scope) && member.grants(&scope));
        }
    }

    #[test]
    fn what_a_session_is_told_is_what_it_gets_through_with(
        table in table(),
        role in select(ROLES.to_vec()),
        impersonated in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let service = Service::new(Provisioning::Registered).with_roles(table);
            service.organization().await;
            service.add_session("a.b.c", Some("org_2known"), role, impersonated);
            let told = service.app.viewer(service.sign_in("a.b.c").await.unwrap()).principal.scopes;
            let passing = passes_with(&service, "a.b.c").await;
            for name in SCOPES {
                prop_assert_eq!(passing.contains(&name), told.grants(&fixtures::scope(name)), "{}", name);
            }
            let identity = authorize(&service, "a.b.c", Requirement::default()).await.unwrap();
            prop_assert_eq!(identity.scopes, told.to_string());
            Ok(())
        })?;
    }
}
