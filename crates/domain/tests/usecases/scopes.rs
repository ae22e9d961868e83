//! Scopes that are added to the catalogue and removed from it.

use std::time::Duration;

use capykeys_conformance::{
    fixtures::{self, context},
    service::{self, Service, Setup},
};
use capykeys_domain::{
    model::{Caller, KeyFilter, Organization, ProjectId, ScopeCatalogue, ScopeDefinition},
    policy::{self, Permit, Rejection, Requirement},
    ports::Limit,
};

/// Those that the service itself asks for, and these; with a `+` they are for projects.
fn catalogue(more: &[&str]) -> ScopeCatalogue {
    let names = ["api_keys:read", "api_keys:write"].iter().chain(more);
    let definitions = names.map(|name| ScopeDefinition {
        scope: fixtures::scope(name.trim_start_matches('+')),
        description: "For a test.".to_owned(),
        for_projects: name.starts_with('+'),
    });
    ScopeCatalogue::new(definitions.collect()).unwrap()
}

/// The same service started anew with these scopes.
fn with_scopes(before: &Service, more: &[&str]) -> Service {
    Service::over(&before.store, Setup { scopes: catalogue(more), ..Setup::default() })
}

async fn told(service: &Service, key: &str) -> String {
    service.viewer(service.sign_in(key).await.unwrap()).await.principal.scopes.to_string()
}

async fn verify(service: &Service, key: &str, scopes: &[&str]) -> Result<String, Rejection> {
    let key = service.environment.format().parse(key);
    let needed = service.environment.scopes().parse(scopes.iter().copied()).unwrap();
    let requirement = Requirement { scopes: Some(needed), project_id: None };
    let verification = service.verdicts.verify(key.as_ref(), &requirement, Duration::ZERO).await.unwrap();
    verification.verdict.map(|found| found.key.scopes.to_string())
}

async fn listed(service: &Service, organization: &Organization) -> Vec<String> {
    let permit = Permit::operator_lists_keys(organization);
    let page =
        service.management.list_key_page(&permit, KeyFilter::default(), None, Limit::MAX).await.unwrap();
    page.keys.iter().map(|key| key.scopes.to_string()).collect()
}

#[tokio::test]
async fn a_removed_scope_is_listed_and_nobody_is_told_of_it_who_acts_on_it() {
    let before = with_scopes(&Service::default(), &["a", "b"]);
    let organization = before.organization().await;
    let only = before.key(&organization, &["b"]).await;
    let key = before.key(&organization, &["b", "a", "api_keys:write"]).await;
    let (only, key) = (only.plaintext.expose(), key.plaintext.expose());
    assert_eq!(verify(&before, key, &["b"]).await, Ok("b a api_keys:write".to_owned()));

    let after = with_scopes(&before, &["a"]);
    assert_eq!(listed(&after, &organization).await, ["b a api_keys:write", "b"]);
    assert_eq!(told(&after, key).await, "a api_keys:write");
    assert_eq!(verify(&after, key, &["a"]).await, Ok("a api_keys:write".to_owned()));
    assert!(after.environment.scopes().parse(["b"]).is_err());
    assert_eq!(told(&after, only).await, "");
    assert_eq!(verify(&after, only, &["a"]).await, Err(Rejection::InsufficientScope));
}

#[tokio::test]
async fn a_star_grants_a_scope_that_is_added_later() {
    let before = with_scopes(&Service::default(), &[]);
    let organization = before.organization().await;
    let key = before.key(&organization, &["*"]).await;
    let after = with_scopes(&before, &["later"]);
    assert_eq!(verify(&after, key.plaintext.expose(), &["later"]).await, Ok("*".to_owned()));
}

#[tokio::test]
async fn a_removed_scope_cannot_be_handed_on() {
    let before = with_scopes(&Service::default(), &["a"]);
    let organization = before.organization().await;
    let key = before.key(&organization, &["a", "api_keys:write"]).await;
    let after = with_scopes(&before, &[]);
    let Caller::Key(caller) = after.sign_in(key.plaintext.expose()).await.unwrap() else { unreachable!() };
    let ceiling = policy::key_ceiling(&caller.key).unwrap();
    assert!(ceiling.admit(&fixtures::scopes(&["a"]), None).is_err());
    assert!(ceiling.admit(&fixtures::scopes(&["api_keys:write"]), None).is_ok());
}

#[tokio::test]
async fn a_key_of_one_project_is_refused_with_a_scope_that_is_for_no_project_and_not_with_a_removed_one() {
    let before = with_scopes(&Service::default(), &["+a", "+b"]);
    let organization = before.organization().await;
    let spec = service::spec(&["a", "b"]);
    let spec = spec.for_project(ProjectId::parse("p1").unwrap(), before.environment.scopes()).unwrap();
    let permit = Permit::operator_creates_key(&organization);
    let created = before.management.create_key(&permit, spec, &context()).await.unwrap();
    let key = created.plaintext.expose();

    let removed = with_scopes(&before, &["+a"]);
    assert_eq!(verify(&removed, key, &["a"]).await, Ok("a".to_owned()));
    let for_none = with_scopes(&before, &["+a", "b"]);
    assert_eq!(verify(&for_none, key, &["a"]).await, Err(Rejection::NotFound));
    assert!(for_none.sign_in(key).await.is_err());
}
