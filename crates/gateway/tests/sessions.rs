//! Sessions behind gateways, and what they are told that they may do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;

use capykeys_conformance::{
    fixtures::{SCOPES, context, scope},
    service::{AT_CLERK, OF_A_MEMBER, Service, Setup, session},
};
use capykeys_domain::{
    model::{Organization, Role, ScopeSet},
    policy::{Permit, RoleTable},
    usecases::Provisioning,
};
use capykeys_gateway::{Authorized, Gateways, OriginalRequest, Question, Refusal, RequestHeaders};
use proptest::{
    collection::vec,
    prelude::{Strategy, any, prop_assert_eq, proptest},
    sample::{select, subsequence},
};

const TOKEN: &str = "a.b.c";

/// The headers with the token, over an interface of the test's own.
struct Bearer;

impl RequestHeaders for Bearer {
    fn values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        (name == "authorization").then_some(&b"Bearer a.b.c"[..]).into_iter()
    }
}

/// With this table of what sessions are granted, and the session's organization.
async fn service(roles: RoleTable) -> (Service, Organization) {
    let service = Service::new(Setup { roles, provisioning: Provisioning::Registered, ..Setup::default() });
    let organization = service.organization().await;
    (service, organization)
}

/// Whether the session may send a request in this project that needs this scope, and in which headers it is
/// named to the API.
async fn authorize(
    service: &Service,
    scope: Option<&str>,
    project: Option<&str>,
) -> Result<HashMap<String, String>, Refusal> {
    let target = format!("/p/{}", project.unwrap_or_default());
    let scope = scope.map(|scope| ("scopes".into(), scope.into()));
    let path = project.map(|_| ("project_path".into(), "/p/{project}".into()));
    let question = Question {
        original: Some(OriginalRequest { method: "GET", host: None, target: &target }),
        settings: scope.into_iter().chain(path).collect(),
        headers: &Bearer,
    };
    let gateways = Gateways::default();
    let who = gateways.authorize(&service.verdicts, &question, &context()).await?;
    assert!(matches!(who, Authorized::Session { .. }), "{who:?}");
    Ok(gateways.headers.of(&who).map(|(name, text)| (name.to_owned(), text.into_owned())).collect())
}

/// The scopes by which the session gets through, tried one by one.
async fn passes_with(service: &Service) -> Vec<&'static str> {
    let mut passing = Vec::new();
    for one in SCOPES {
        let outcome = authorize(service, Some(one), None).await;
        assert!(matches!(outcome, Ok(_) | Err(Refusal::Forbidden(_))), "{outcome:?}");
        if outcome.is_ok() {
            passing.push(one);
        }
    }
    passing
}

#[tokio::test]
async fn by_default_no_member_gets_at_credentials_and_no_scope_is_granted_for_its_spelling() {
    let (service, _) = service(RoleTable::default()).await;
    for (role, impersonated) in
        [("org:member", false), ("org:billing", false), ("org:admin", true), ("org:member", true)]
    {
        service.add_session(TOKEN, Some(AT_CLERK), role, impersonated);
        assert_eq!(passes_with(&service).await, OF_A_MEMBER, "{role} {impersonated}");
    }
    service.add_session(TOKEN, Some(AT_CLERK), "org:admin", false);
    assert_eq!(passes_with(&service).await, SCOPES);
}

#[tokio::test]
async fn a_session_is_good_in_every_project_and_is_named_with_none() {
    let (service, organization) = service(RoleTable::default()).await;
    service.add_session(TOKEN, Some(AT_CLERK), "org:member", false);
    for project in ["p1", "of-somebody-else"] {
        let named = authorize(&service, Some("jobs:read"), Some(project)).await.unwrap();
        assert_eq!(named["x-capy-organization-id"], organization.id.to_string());
        assert_eq!(named["x-capy-project-id"], "", "{project}");
        let refused = authorize(&service, Some("credentials:read"), Some(project)).await;
        assert!(matches!(refused, Err(Refusal::Forbidden(_))), "{project}: {refused:?}");
    }
}

#[tokio::test]
async fn no_session_of_a_suspended_organization_passes() {
    let (service, organization) = service(RoleTable::default()).await;
    service.add_session(TOKEN, Some(AT_CLERK), "org:admin", false);
    assert!(authorize(&service, None, None).await.is_ok());
    let permit = Permit::operator_manages(organization.id);
    service.operators.suspend_organization(&permit, None, &context()).await.unwrap();
    let refused = authorize(&service, None, None).await;
    assert!(matches!(refused, Err(Refusal::Forbidden("The organization is suspended."))));
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
        RoleTable::new(rows.collect(), others)
    })
}

proptest! {
    #[test]
    fn whoever_acts_as_another_has_what_both_that_user_and_a_member_have(
        table in table(),
        role in select(ROLES.to_vec()),
    ) {
        let held = |role: &str, impersonated| table.scopes_of(&session(Some(AT_CLERK), role, impersonated));
        let (acting, own, member) = (held(role, true), held(role, false), held("org:member", false));
        for scope in SCOPES.map(scope) {
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
            let (service, _) = service(table).await;
            service.add_session(TOKEN, Some(AT_CLERK), role, impersonated);
            let told = service.viewer(service.sign_in(TOKEN).await.unwrap()).await.principal.scopes;
            let passing = passes_with(&service).await;
            for name in SCOPES {
                prop_assert_eq!(passing.contains(&name), told.grants(&scope(name)), "{}", name);
            }
            let named = authorize(&service, None, None).await.unwrap();
            prop_assert_eq!(&named["x-capy-scopes"], &told.to_string());
            Ok(())
        })?;
    }
}
