//! Who is let through.

use capykeys_conformance::{
    fixtures::{IDENTITY_HEADERS, at},
    service::spec,
};
use capykeys_domain::model::{KeyName, KeySpec, ProjectId, ScopeCatalogue, ScopeSet};
use capykeys_gateway::{Gateways, PathPattern, RouteRule, RouteRules};

use crate::support::{SETTINGS, Site, ask, header, let_through, refused};

#[tokio::test]
async fn whoever_is_let_through_is_named_in_every_header_and_the_credential_stays_here() {
    let site = Site::new().await;
    let scopes = ScopeSet::from_stored(["jobs:read", "backups:read"]).unwrap();
    let spec = KeySpec::new(KeyName::parse("one").unwrap(), scopes);
    let key = site
        .key_for(spec.for_project(ProjectId::parse("p_1").unwrap(), &ScopeCatalogue::default()).unwrap())
        .await;
    let bearer = format!("Bearer {}", key.plaintext.expose());
    for credential in [("authorization", bearer.as_str()), ("x-api-key", key.plaintext.expose())] {
        let headers = [credential, ("x-capy-user-id", "user_forged")];
        let ok = let_through(site.check(ask("/any/where?x=y", &headers, &[])).await);
        let values = IDENTITY_HEADERS.map(|name| header(&ok.headers, name).unwrap());
        let (organization, id) = (site.organization.id.to_string(), key.key.id.to_string());
        assert_eq!(values, [&organization, "p_1", &id, "", "jobs:read backups:read", "api_key", ""]);
        assert_eq!(ok.headers.len(), IDENTITY_HEADERS.len());
        assert_eq!(ok.headers_to_remove, ["authorization", "x-api-key"]);
    }
    let ok = let_through(site.check(ask("/", &[], &[("anonymous", "allow")])).await);
    assert_eq!(IDENTITY_HEADERS.map(|name| header(&ok.headers, name).unwrap()), [""; 7]);
}

#[tokio::test]
async fn the_end_of_a_key_is_said_when_it_is_near() {
    let site = Site::new().await;
    let ends = at(1_000_000);
    let key = site.key_for(spec(&["jobs:read"]).expiring_at(ends, at(0)).unwrap()).await;
    let headers = [("x-api-key", key.plaintext.expose()), ("x-capy-key-expires-at", "forged")];
    let ok = let_through(site.check(ask("/", &headers, &[])).await);
    assert_eq!(header(&ok.headers, "x-capy-key-expires-at"), Some(ends.to_string().as_str()));
}

/// The gateway's settings, a credential, and what is answered: status, challenge, sentence.
type Case<'a> = (&'a [(&'a str, &'a str)], (&'a str, &'a str), i32, Option<&'a str>, &'a str);

#[tokio::test]
async fn refusals_are_401_and_403_alone() {
    let site = Site::new().await;
    let key = site.key(&["jobs:read"]).await;
    let plaintext = key.plaintext.expose();
    let (bearer, twice) = (format!("Bearer {plaintext}"), format!("Bearer {plaintext},Bearer {plaintext}"));
    let (none, given) = ("Bearer", r#"Bearer error="invalid_token""#);
    let who = "A valid API key or session token is required.";
    let unusable = "The gateway's settings for this route cannot be used.";
    let cases: [Case<'_>; 10] = [
        (&[], ("cookie", plaintext), 401, Some(none), who),
        (&[], ("authorization", "Bearer capy_live_x"), 401, Some(given), who),
        (&[], ("authorization", "Basic YTpi"), 401, Some(given), who),
        (&[], ("authorization", &twice), 401, Some(given), who),
        (&[("anonymous", "allow")], ("x-api-key", "capy_live_x"), 401, Some(given), who),
        (&[("anonymous", "allow")], ("x-api-key", "a.b.c"), 401, Some(given), who),
        (
            &[("scopes", "schema:read")],
            ("authorization", &bearer),
            403,
            None,
            "The credential lacks a scope that this needs.",
        ),
        (
            &[("project_path", "/q/{project}")],
            ("authorization", &bearer),
            403,
            None,
            "No rule lets this request through.",
        ),
        (&[("scope", "jobs:read")], ("authorization", &bearer), 403, None, unusable),
        (&[("scopes", "jobs:read"), ("x", "")], ("authorization", &bearer), 403, None, unusable),
    ];
    for (settings, credential, status, challenge, expected) in cases {
        let answer = site.check(ask("/p/p_1", &[credential], settings)).await;
        let (denied, sentence) = refused(answer, status);
        assert_eq!(header(&denied.headers, "www-authenticate"), challenge, "{settings:?} {denied:?}");
        assert_eq!(sentence, expected, "{settings:?}");
    }
    let settings = [("scopes", "jobs:read"), ("project_path", "/p/{project}")];
    let_through(site.check(ask("/p/p_1?x=y", &[("x-api-key", plaintext)], &settings)).await);
}

#[tokio::test]
async fn two_different_credentials_are_none() {
    let site = Site::new().await;
    let (one, other) = (site.key(&["*"]).await, site.key(&["*"]).await);
    let bearer = format!("Bearer {}", one.plaintext.expose());
    let both = |key| [("authorization", bearer.as_str()), ("x-api-key", key)];
    refused(site.check(ask("/", &both(other.plaintext.expose()), &[])).await, 401);
    let_through(site.check(ask("/", &both(one.plaintext.expose()), &[])).await);
}

#[tokio::test]
async fn rules_count_where_the_gateway_says_nothing_itself() {
    let scopes = ScopeSet::from_stored(["jobs:read"]).ok();
    let rule = RouteRule::new(PathPattern::parse("/jobs/**").unwrap(), scopes);
    let gateways = Gateways { rules: Some(RouteRules::new(vec![rule])), ..Gateways::default() };
    let site = Site::with(gateways, SETTINGS).await;
    let (jobs, backups) = (site.key(&["jobs:read"]).await, site.key(&["backups:read"]).await);
    let key = |key| [("x-api-key", key)];
    let (jobs, backups) = (key(jobs.plaintext.expose()), key(backups.plaintext.expose()));
    let_through(site.check(ask("/jobs/7?x=y", &jobs, &[])).await);
    let_through(site.check(ask("/%6aobs/7", &jobs, &[])).await);
    refused(site.check(ask("/jobs/7", &backups, &[])).await, 403);
    let none = "No rule lets this request through.";
    let unclear = "The method, the host or the path can be read in more than one way.";
    for (path, told) in [("/other", none), ("/jobs/../admin", unclear), ("//jobs/7", unclear), ("", unclear)]
    {
        let (_, sentence) = refused(site.check(ask(path, &jobs, &[])).await, 403);
        assert_eq!(sentence, told, "{path}");
    }
    let_through(site.check(ask("/other", &backups, &[("scopes", "backups:read")])).await);
}

#[tokio::test]
async fn a_check_that_says_nothing_is_refused() {
    let site = Site::new().await;
    refused(site.check(envoy_types::ext_authz::v3::pb::CheckRequest::default()).await, 401);
}
