//! Another company's service: keys with a prefix of its own, and scopes of its own that come and go.

use std::{fs, sync::Arc};

use capykeys_tests::{
    Installation, Server, Store, Tenant,
    clerk::{self, Session},
    on_every_store,
};
use reqwest::Method;
use serde_json::{Value, json};

on_every_store![scopes_are_added_used_and_removed_with_a_restart_alone];

const SCOPES: &str = "
[scopes.'api_keys:read']
description = 'List API keys.'
[scopes.'api_keys:write']
description = 'Create and revoke API keys.'
[scopes.'invoices:read']
description = 'Read invoices.'
project = true
roles = ['*']
";

const REFUNDS: &str = "
[scopes.'refunds:approve']
description = 'Approve refunds.'
roles = ['billing']
";

const RULES: &str = "[[rules]]\npath = '/refunds'\nscopes = ['refunds:approve']\n";

/// What the caller is told that it may do.
fn told(server: &Server, credential: &str) -> Value {
    server.get("/v1/me").bearer(credential).send().expect(200)["principal"]["scopes"].clone()
}

fn documented(server: &Server) -> Value {
    server.get("/v1/openapi.json").send().expect(200)["components"]["schemas"]["Scope"]["enum"].clone()
}

fn restarted(before: &Server, scopes: &str) -> Server {
    before.kill();
    fs::write(before.installation().directory().join("capykeys.toml"), scopes).unwrap();
    Server::start(before.installation())
}

fn scopes_are_added_used_and_removed_with_a_restart_alone(store: Store) {
    let installation = Installation::new(store).set("KEYS__PREFIX", "acme_test_").with_file(SCOPES);
    let rules = installation.directory().join("rules.toml");
    fs::write(&rules, RULES).unwrap();
    let check_rules = ["rules", "check", rules.to_str().unwrap()];
    let at_clerk = clerk::organization_id();
    let session = |role: &str| Session::new().in_organization(&at_clerk, role).sign();

    let first = Server::start(&Arc::new(installation));
    let acme = Tenant::with_clerk(&first, &at_clerk);
    let reader = acme.create(&json!({"name": "r", "scopes": ["invoices:read"], "project_id": "p1"}));
    assert!(acme.admin.starts_with("acme_test_") && reader.plaintext.starts_with("acme_test_"));
    assert_eq!(documented(&first), json!(["api_keys:read", "api_keys:write", "invoices:read", "*"]));
    for unknown in ["jobs:read", "refunds:approve"] {
        let refused = acme.creation(&acme.admin, &json!({"name": "n", "scopes": [unknown]})).send();
        assert_eq!(refused.error(400), "`scopes[0]` is not a known scope.");
    }
    let beyond = json!({"name": "n", "scopes": ["api_keys:read"], "project_id": "p1"});
    assert_eq!(
        acme.creation(&acme.admin, &beyond).send().error(400),
        "`scopes` must not contain * or api_keys:… for a key of one project."
    );
    assert_eq!(told(&first, &session("billing")), json!(["api_keys:read", "invoices:read"]));
    let refused = first.installation().run(&check_rules);
    assert!(refused.expect_failure().contains("rule 1: `scopes[0]` is not a known scope"));
    assert!(!first.log.text().contains(&reader.plaintext), "the log tells a key");

    let second = restarted(&first, &format!("{SCOPES}{REFUNDS}"));
    let acme = Tenant { server: &second, ..acme.clone() };
    let approver = acme.key_with(&["refunds:approve", "invoices:read"]);
    let only = acme.key_with(&["refunds:approve"]);
    let asked = |key: &str| json!({"api_key": key, "scopes": ["refunds:approve"]});
    for (key, valid) in [(&approver.plaintext, true), (&acme.admin, true), (&reader.plaintext, false)] {
        assert_eq!(second.verify(&asked(key))["valid"], valid);
        let let_through = second.authorize("/refunds", "?scopes=refunds:approve", key).status == 200;
        assert_eq!(let_through, valid);
    }
    let named = second.authorize("/refunds", "", &approver.plaintext);
    assert_eq!(named.header("x-capy-scopes"), Some("refunds:approve invoices:read"));
    assert_eq!(told(&second, &approver.plaintext), json!(["refunds:approve", "invoices:read"]));
    assert_eq!(
        told(&second, &session("billing")),
        json!(["api_keys:read", "invoices:read", "refunds:approve"])
    );
    assert_eq!(told(&second, &session("member")), json!(["api_keys:read", "invoices:read"]));
    let create = ["keys", "create", "--organization", &acme.id, "--name", "n", "--scope", "refunds:approve"];
    let _ = second.installation().run(&create).expect_success();
    let _ = second.installation().run(&check_rules).expect_success();

    let third = restarted(&second, SCOPES);
    let acme = Tenant { server: &third, ..acme.clone() };
    let listed = acme.list();
    let of = |id: &str| listed.iter().find(|key| key["id"] == id).unwrap()["scopes"].clone();
    assert_eq!(of(approver.id()), json!(["refunds:approve", "invoices:read"]));
    assert_eq!(of(only.id()), json!(["refunds:approve"]));
    for (key, scopes) in [(&approver, json!(["invoices:read"])), (&only, json!([]))] {
        let verdict = third.verify(&json!({"api_key": key.plaintext}));
        assert_eq!((&verdict["valid"], &verdict["api_key"]["scopes"]), (&json!(true), &scopes));
        assert_eq!(told(&third, &key.plaintext), scopes);
        let question = third.call_internal(Method::POST, "/v1/api-keys/verify").json(&asked(&key.plaintext));
        assert_eq!(question.send().error(400), "`scopes[0]` is not a known scope.");
        third.authorize("/refunds", "?scopes=refunds:approve", &key.plaintext).error(403);
    }
    assert_eq!(
        third.authorize("/refunds", "", &approver.plaintext).header("x-capy-scopes"),
        Some("invoices:read")
    );
    let again = acme.creation(&acme.admin, &json!({"name": "n", "scopes": ["refunds:approve"]}));
    assert_eq!(again.send().error(400), "`scopes[0]` is not a known scope.");
    assert_eq!(third.installation().run(&create).code, Some(2));
    third.installation().run(&check_rules).expect_failure();
    assert_eq!(documented(&third), json!(["api_keys:read", "api_keys:write", "invoices:read", "*"]));
    assert_eq!(
        third.verify(&json!({"api_key": reader.plaintext, "scopes": ["invoices:read"]}))["valid"],
        true
    );
}
