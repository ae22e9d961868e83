//! `/authorize/…`, on the listener for the cluster: what gateways are told.

use std::{fs, sync::Arc};

use capykeys_tests::{
    Answer, Installation, Server, Store, Tenant,
    clerk::{self, Session},
    on_both_stores,
};
use reqwest::Method;

on_both_stores![
    a_session_is_let_through_with_what_it_may_do,
    a_key_is_let_through_until_its_revocation_is_answered,
    callers_of_a_suspended_organization_are_refused,
];

fn ask(server: &Server, query: &str, credential: &str) -> Answer {
    server
        .call_internal(Method::GET, &format!("/authorize/forward-auth{query}"))
        .header("x-forwarded-method", "GET")
        .header("x-forwarded-uri", "/jobs")
        .bearer(credential)
        .send()
}

fn a_session_is_let_through_with_what_it_may_do(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let (admin, member) = (Session::admin(&at_clerk), Session::member(&at_clerk));
    let answer = ask(acme.server, "?scopes=api_keys:write", &admin.sign());
    assert_eq!((answer.status, answer.header("x-capy-scopes")), (200, Some("*")));
    assert_eq!(answer.header("x-capy-organization-id"), Some(acme.id.as_str()));
    assert_eq!(answer.header("x-capy-user-id"), Some(admin.user()));
    assert_eq!(answer.header("x-capy-auth-source"), Some("clerk_session"));
    assert_eq!(answer.header("x-capy-key-id"), Some(""));
    assert_eq!(ask(acme.server, "?scopes=jobs:read", &member.sign()).status, 200);
    ask(acme.server, "?scopes=backups:write", &member.sign()).error(403);
    // Whoever acts as an administrator changes nothing.
    ask(acme.server, "?scopes=backups:write", &admin.clone().impersonated().sign()).error(403);
    assert_eq!(ask(acme.server, "?scopes=jobs:read", &admin.impersonated().sign()).status, 200);
    ask(acme.server, "", &Session::new().sign()).error(403);
    ask(acme.server, "", &member.sign_with_another_key()).error(401);
}

fn a_key_is_let_through_until_its_revocation_is_answered(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    assert_eq!(ask(acme.server, "?scopes=jobs:read", &key.plaintext).status, 200);
    acme.revoke(key.id());
    ask(acme.server, "?scopes=jobs:read", &key.plaintext).error(401);
}

fn callers_of_a_suspended_organization_are_refused(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let session = Session::admin(&at_clerk).sign();
    for credential in [&session, &acme.admin] {
        assert_eq!(ask(acme.server, "", credential).status, 200);
    }
    acme.server.installation().json(&["organizations", "suspend", &acme.id]);
    for credential in [&session, &acme.admin] {
        ask(acme.server, "", credential).error(403);
    }
}

#[test]
fn rules_say_what_each_request_needs_and_nobody_passes_without_one() {
    let installation = Installation::new(Store::Sqlite);
    let file = installation.directory().join("rules.toml");
    fs::write(
        &file,
        "[[rules]]\nmethods = ['GET']\npath = '/projects/{project}/**'\nscopes = ['jobs:read']\n\
         [[rules]]\nhost = 'open.example'\npath = '/**'\nanonymous = true\n",
    )
    .unwrap();
    let checked = installation.run(&["rules", "check", file.to_str().unwrap()]).expect_success();
    assert_eq!(checked.stdout, "2 rules, all of them good\n");
    let installation = installation.set("INTERNAL__AUTHORIZE__RULES_FILE", file.to_str().unwrap());
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
    let installation = Installation::new(Store::Sqlite);
    let file = installation.directory().join("rules.toml");
    fs::write(&file, "[[rules]]\npath = '/a'\nscopes = ['jobs:reed']\n").unwrap();
    let installation = installation.set("INTERNAL__AUTHORIZE__RULES_FILE", file.to_str().unwrap());
    for command in [&["serve"][..], &["config", "check"], &["rules", "check", file.to_str().unwrap()]] {
        let output = installation.run_briefly(command);
        assert!(output.expect_failure().contains("rule 1: `scopes[0]` is not a known scope"), "{command:?}");
    }
}
