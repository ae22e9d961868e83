//! `/authorize/…`, on the listener for the cluster: what gateways are told.

use std::{sync::Arc, time::Duration};

use capykeys_tests::{
    Call, Created, Installation, Server, Store, Tenant,
    clerk::{self, Session},
    clock,
    envoy::Check,
    on_every_store,
    raw::Raw,
};
use reqwest::Method;
use serde_json::json;

on_every_store![
    a_session_is_let_through_with_what_it_may_do,
    a_key_is_let_through_until_its_revocation_is_answered,
    the_end_of_a_key_and_of_the_secret_before_is_said,
    callers_of_a_suspended_organization_are_refused,
];

fn a_session_is_let_through_with_what_it_may_do(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let (admin, member) = (Session::admin(&at_clerk), Session::member(&at_clerk));
    let answer = acme.server.authorize("/jobs", "?scopes=api_keys:write", &admin.sign());
    assert_eq!((answer.status, answer.header("x-capy-scopes")), (200, Some("*")));
    assert_eq!(answer.header("x-capy-organization-id"), Some(acme.id.as_str()));
    assert_eq!(answer.header("x-capy-user-id"), Some(admin.user()));
    assert_eq!(answer.header("x-capy-auth-source"), Some("clerk_session"));
    assert_eq!(answer.header("x-capy-key-id"), Some(""));
    assert_eq!(acme.server.authorize("/jobs", "?scopes=jobs:read", &member.sign()).status, 200);
    acme.server.authorize("/jobs", "?scopes=backups:write", &member.sign()).error(403);
    // Whoever acts as an administrator changes nothing.
    acme.server.authorize("/jobs", "?scopes=backups:write", &admin.clone().impersonated().sign()).error(403);
    assert_eq!(acme.server.authorize("/jobs", "?scopes=jobs:read", &admin.impersonated().sign()).status, 200);
    acme.server.authorize("/jobs", "", &Session::new().sign()).error(403);
    acme.server.authorize("/jobs", "", &member.sign_with_another_key()).error(401);
}

fn a_key_is_let_through_until_its_revocation_is_answered(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    assert_eq!(acme.server.authorize("/jobs", "?scopes=jobs:read", &key.plaintext).status, 200);
    acme.revoke(key.id());
    acme.server.authorize("/jobs", "?scopes=jobs:read", &key.plaintext).error(401);
}

/// Whether the verdict is read from the store or remembered.
fn the_end_of_a_key_and_of_the_secret_before_is_said(store: Store) {
    let acme = store.tenant();
    let said = |secret: &str| {
        let [cold, warm] = [(), ()].map(|()| acme.server.authorize("/jobs", "", secret));
        assert_eq!((cold.status, warm.status), (200, 200));
        assert_eq!(cold.header("x-capy-key-expires-at"), warm.header("x-capy-key-expires-at"));
        warm.header("x-capy-key-expires-at").map(str::to_owned)
    };
    let ending = |days: u64| {
        let ends = clock::ahead(Duration::from_hours(24 * days));
        acme.create(&json!({"name": "ending", "scopes": ["jobs:read"], "expires_at": ends}))
    };
    let (soon, later) = (ending(29), ending(31));
    assert_eq!(said(&soon.plaintext).as_deref(), soon.key["expires_at"].as_str());
    assert_eq!(said(&later.plaintext).as_deref(), Some(""));
    let rotation = acme.rotation(&acme.admin, later.id()).json(&json!({"grace_seconds": 3600}));
    let rotated = Created::from_body(&rotation.send().expect(200));
    assert_eq!(said(&later.plaintext).as_deref(), rotated.key["previous_expires_at"].as_str());
    assert_eq!(said(&rotated.plaintext).as_deref(), Some(""));
}

fn callers_of_a_suspended_organization_are_refused(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let session = Session::admin(&at_clerk).sign();
    for credential in [&session, &acme.admin] {
        assert_eq!(acme.server.authorize("/jobs", "", credential).status, 200);
    }
    acme.server.installation().json(&["organizations", "suspend", &acme.id]);
    for credential in [&session, &acme.admin] {
        acme.server.authorize("/jobs", "", credential).error(403);
    }
}

#[test]
fn rules_say_what_each_request_needs_and_nobody_passes_without_one() {
    let installation = Installation::new(Store::first()).with_rules(
        "[[rules]]\nmethods = ['GET']\npath = '/projects/{project}/**'\nscopes = ['jobs:read']\n\
         [[rules]]\nhost = 'open.example'\npath = '/**'\nanonymous = true\n",
    );
    let checked = installation.run(&["rules", "check", "rules.toml"]).expect_success();
    assert_eq!(checked.stdout, "2 rules, all of them good\n");
    let server = Server::start(&Arc::new(installation));
    let acme = Tenant::new(&server);
    let own = acme.create(&serde_json::json!({"name": "p", "scopes": ["jobs:read"], "project_id": "p1"}));
    let ask = |method: Method, target: &str, host: &str, credential: Option<&str>| {
        let call =
            server.call_internal(method, &format!("/authorize/ext-authz{target}")).header("host", host);
        let call = match credential {
            Some(credential) => call.api_key(credential),
            None => call,
        };
        call.send().status
    };
    let key = Some(own.plaintext.as_str());
    for (method, target, host, credential, status) in [
        (Method::GET, "/projects/p1/jobs?x=/../..", "api.example", key, 200),
        (Method::GET, "/projects/p2/jobs", "api.example", key, 403),
        (Method::GET, "/projects/p2/jobs", "api.example", Some(acme.admin.as_str()), 200),
        (Method::POST, "/projects/p1/jobs", "api.example", key, 403),
        (Method::GET, "/projects/p1/%2e%2e/p2", "api.example", key, 403),
        (Method::GET, "/other", "api.example", Some(acme.admin.as_str()), 403),
        (Method::GET, "/other?anonymous=allow", "api.example", None, 403),
        (Method::GET, "/other", "open.example", None, 200),
        (Method::GET, "/other", "OPEN.example:8443", None, 200),
        (Method::GET, "/projects/p1/jobs", "open.example", None, 401),
    ] {
        assert_eq!(ask(method, target, host, credential), status, "{target} {host}");
    }
}

#[test]
fn rules_that_cannot_work_end_the_start_with_a_sentence() {
    let installation =
        Installation::new(Store::first()).with_rules("[[rules]]\npath = '/a'\nscopes = ['jobs:reed']\n");
    for command in [&["serve"][..], &["config", "check"], &["rules", "check", "rules.toml"]] {
        let output = installation.run_briefly(command);
        assert!(output.expect_failure().contains("rule 1: `scopes[0]` is not a known scope"), "{command:?}");
    }
}

/// Rules of which the last is weaker than all others, and what somebody sends to come to it.
const GUARDED: &str = "
[[rules]]
path = '/open/*'
anonymous = true
[[rules]]
path = '/v1/jobs:cancel'
scopes = ['backups:write']
[[rules]]
methods = ['GET']
path = '/v1/exports'
scopes = ['backups:write']
[[rules]]
path = '/v1/projects/{project}/**'
scopes = ['jobs:read']
[[rules]]
path = '/admin/**'
scopes = ['*']
[[rules]]
host = 'admin.example.com'
path = '/**'
scopes = ['*']
[[rules]]
path = '/**'
";

/// A server with these rules.
fn with_rules(rules: &str) -> Server {
    Server::start(&Arc::new(Installation::new(Store::first()).with_rules(rules)))
}

/// The question of a gateway that tells of this request.
fn told<'a>(server: &'a Server, family: &str, method: &str, host: &str, target: &str) -> Call<'a> {
    let headers = match family {
        "forward-auth" => ["x-forwarded-method", "x-forwarded-host", "x-forwarded-uri"],
        _ => ["x-original-method", "x-original-host", "x-original-uri"],
    };
    let call = server.call_internal(Method::GET, &format!("/authorize/{family}"));
    headers.into_iter().zip([method, host, target]).fold(call, |call, (name, value)| call.header(name, value))
}

#[test]
fn a_request_that_is_spelled_otherwise_comes_under_no_weaker_rule() {
    let server = with_rules(GUARDED);
    let acme = Tenant::new(&server);
    let spec = serde_json::json!({"name": "p", "scopes": ["jobs:read"], "project_id": "p_1"});
    let key = acme.create(&spec).plaintext;
    let (host, admin) = ("api.example.com", "admin.example.com");
    for (method, host, target, status) in [
        ("GET", host, "/open/x", 200),
        ("GET", host, "/open/x#/secret", 403),
        ("GET", host, "/open/x?#", 403),
        ("GET", host, "/v1/jobs:cancel", 403),
        ("POST", host, "/v1/jobs%3Acancel", 403),
        ("POST", host, "/v1/%6Aobs%3acancel", 403),
        ("GET", host, "/v1/exports", 403),
        ("HEAD", host, "/v1/exports", 403),
        ("POST", host, "/v1/exports", 403),
        ("get", host, "/v1/exports", 403),
        ("GET", host, "/v1/projects/p_1/x", 200),
        ("GET", host, "/v1/projects/p%5F1/%78", 200),
        ("GET", host, "/v1/projects/p_2/x", 403),
        ("GET", host, "/v1/projects/p_2%20/x", 403),
        ("GET", host, "/v1/projects/p%C3%A9/x", 403),
        ("GET", host, "/V1/Projects/p_2/x", 403),
        ("GET", host, "/Admin", 403),
        ("GET", host, "/ADMIN/x", 403),
        ("GET", host, "/admin.json", 403),
        ("GET", host, "/admin%20/x", 403),
        ("GET", host, "/%61dmin", 403),
        ("GET", host, "/a\\..\\admin", 403),
        ("GET", host, "/x/%ff", 403),
        ("GET", host, "/other", 200),
        ("GET", host, "/%7Eother/%2D", 200),
        ("GET", admin, "/other", 403),
        ("GET", "ADMIN.example.com.", "/other", 403),
        ("GET", "admin.example.com..", "/other", 403),
        ("GET", "admin.example.com:80:80", "/other", 403),
        ("GET", "admin.example.com:", "/other", 403),
        ("GET", "x@admin.example.com", "/other", 403),
        ("GET", "%61dmin.example.com", "/other", 403),
        ("GET", "admin.example.com/", "/other", 403),
    ] {
        for family in ["forward-auth", "auth-request"] {
            let answer = told(&server, family, method, host, target).api_key(&key).send();
            assert_eq!(answer.status, status, "{family}: {method} {host} {target}");
        }
        let mut check = Check::of(target).of_host(host).of_method(method);
        check = check.header("x-api-key", &key);
        assert_eq!(check.ask(&server).status, i32::from(status), "gRPC: {method} {host} {target}");
        let line = format!("{method} /authorize/ext-authz{target} HTTP/1.1");
        let request = format!("{line}\r\nHost: {host}\r\nX-API-Key: {key}\r\n\r\n");
        let found = Raw::connect_internal(&server).send(request).status();
        assert_eq!(found, status, "ext-authz: {method} {host} {target}");
    }
}

#[test]
fn a_client_whose_query_reaches_the_service_decides_nothing() {
    let server = with_rules("[[rules]]\npath = '/secret'\nscopes = ['*']\n");
    for query in ["anonymous=allow", "anonymous=allow#", "anonymous=allow#x", "%61nonymous=allow"] {
        // As Caddy passes it on where its own address has no query.
        let path = format!("/authorize/forward-auth?{query}");
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Uri: /secret?{query}\r\n\r\n"
        );
        Raw::connect_internal(&server).send(request).answer().error(403);
        let sent = query.split('#').next().unwrap();
        let call = server.call_internal(Method::GET, &format!("/authorize/forward-auth?{sent}"));
        let call = call.header("x-forwarded-method", "GET");
        call.header("x-forwarded-uri", format!("/secret?{query}")).send().error(403);
    }
}
