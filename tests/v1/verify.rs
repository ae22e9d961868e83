//! `POST /v1/api-keys/verify` and `…/verify-batch`, on the listener for the cluster.

use std::time::Duration;

use capykeys_tests::{Store, Tenant, clock, on_every_store, secrets, wait};
use reqwest::Method;
use serde_json::{Value, json};

on_every_store![
    a_good_key_is_told_as_it_is_shown,
    a_verdict_may_be_kept_for_as_long_as_was_asked_and_no_longer_than_the_lease,
    a_verdict_that_nobody_asked_to_keep_may_not_be_kept,
    every_way_not_to_be_good_has_its_code,
    a_key_is_not_good_at_the_very_moment_that_its_revocation_is_answered,
    a_suspended_organization_closes_all_its_keys,
    a_verdict_lasts_no_longer_than_the_key,
    a_batch_is_answered_in_its_order,
    what_is_malformed_is_named,
    callers_of_the_api_have_no_such_address,
];

const LIMIT: Duration = Duration::from_secs(20);
const WHOLE: &str = "`max_age_ms` must be a whole number from 0 to 3600000.";

fn code(tenant: &Tenant<'_>, question: &Value) -> Option<String> {
    let verdict = tenant.server.verify(question);
    assert_eq!(verdict["valid"] == true, verdict.get("code").is_none(), "{verdict}");
    assert_eq!(verdict["valid"] == true, verdict.get("api_key").is_some(), "{verdict}");
    verdict["code"].as_str().map(str::to_owned)
}

fn a_good_key_is_told_as_it_is_shown(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read", "backups:read"]);
    let question = json!({"api_key": key.plaintext, "scopes": ["backups:read"], "project_id": "any"});
    for _ in 0..2 {
        let verdict = acme.server.verify(&question);
        assert_eq!((&verdict["valid"], &verdict["api_key"]), (&json!(true), &key.key));
    }
}

/// For how long the verdict on this question may be kept.
fn granted(tenant: &Tenant<'_>, question: &Value) -> u64 {
    let verdict = tenant.server.verify(question);
    verdict["max_age_ms"].as_u64().unwrap()
}

/// Where the machine is busy there may be no lease for a moment, and nothing is granted.
fn a_verdict_may_be_kept_for_as_long_as_was_asked_and_no_longer_than_the_lease(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    for (asked, most) in [(1, 1), (200, 200), (500, 500), (501, 500), (60_000, 500), (3_600_000, 500)] {
        let question = json!({"api_key": key.plaintext, "max_age_ms": asked});
        wait::until("a verdict may be kept", LIMIT, || {
            let granted = granted(&acme, &question);
            assert!(granted <= most, "{granted} of {asked}");
            (granted > 0 || asked == 1).then_some(())
        });
    }
}

fn a_verdict_that_nobody_asked_to_keep_may_not_be_kept(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    for _ in 0..20 {
        assert_eq!(granted(&acme, &json!({"api_key": key.plaintext})), 0);
        assert_eq!(granted(&acme, &json!({"api_key": key.plaintext, "max_age_ms": 0})), 0);
    }
}

fn every_way_not_to_be_good_has_its_code(store: Store) {
    let acme = store.tenant();
    let key = acme.create(&json!({"name": "p", "scopes": ["jobs:read"], "project_id": "p1"}));
    let plaintext = key.plaintext.as_str();
    for (question, expected) in [
        (json!({"api_key": plaintext, "scopes": ["jobs:read"], "project_id": "p1"}), None),
        (json!({"api_key": plaintext, "scopes": []}), None),
        (json!({"api_key": plaintext, "scopes": ["jobs:read", "schema:read"]}), Some("insufficient_scope")),
        (json!({"api_key": plaintext, "scopes": ["schema:read"], "project_id": "p2"}), Some("wrong_project")),
        (json!({"api_key": secrets::unknown_key()}), Some("not_found")),
        (json!({"api_key": ""}), Some("not_found")),
        (json!({"api_key": format!("{plaintext}\n")}), Some("not_found")),
    ] {
        assert_eq!(code(&acme, &question).as_deref(), expected, "{question}");
    }
    acme.revoke(key.id());
    assert_eq!(code(&acme, &json!({"api_key": plaintext, "project_id": "p2"})).as_deref(), Some("revoked"));
}

/// What is remembered of it is of no use from then on.
fn a_key_is_not_good_at_the_very_moment_that_its_revocation_is_answered(store: Store) {
    let acme = store.tenant();
    for _ in 0..5 {
        let key = acme.key_with(&["jobs:read"]);
        let question = json!({"api_key": key.plaintext});
        assert_eq!(code(&acme, &question), None);
        acme.revoke(key.id());
        assert_eq!(code(&acme, &question).as_deref(), Some("revoked"));
        assert!(!acme.accepts(&key.plaintext));
    }
}

/// It is done by another process, which comes back when the server has obeyed.
fn a_suspended_organization_closes_all_its_keys(store: Store) {
    let (acme, other) = (store.tenant(), store.tenant());
    let commands = acme.server.installation();
    let [own, others] = [&acme, &other].map(|tenant| json!({"api_key": tenant.admin}));
    assert_eq!((code(&acme, &own), code(&acme, &others)), (None, None));
    commands.json(&["organizations", "suspend", &acme.id]);
    assert_eq!(code(&acme, &own).as_deref(), Some("organization_suspended"));
    assert_eq!(code(&acme, &others), None);
    commands.json(&["organizations", "resume", &acme.id]);
    assert_eq!(code(&acme, &own), None);
}

fn a_verdict_lasts_no_longer_than_the_key(store: Store) {
    let acme = store.tenant();
    let soon = clock::ahead(Duration::from_millis(400));
    let key = acme.create(&json!({"name": "brief", "scopes": ["jobs:read"], "expires_at": soon}));
    let question = json!({"api_key": key.plaintext, "max_age_ms": 500});
    loop {
        let verdict = acme.server.verify(&question);
        if verdict["valid"] == false {
            assert_eq!(verdict["code"], "expired");
            break;
        }
        assert!(verdict["max_age_ms"].as_u64().unwrap() <= 400, "{verdict}");
    }
}

fn a_batch_is_answered_in_its_order(store: Store) {
    let acme = store.tenant();
    let keys: Vec<_> = (0..3).map(|_| acme.key_with(&["jobs:read"])).collect();
    acme.revoke(keys[1].id());
    let mut questions: Vec<_> = keys.iter().map(|key| json!({"api_key": key.plaintext})).collect();
    questions.push(json!({"api_key": keys[0].plaintext, "scopes": ["*"]}));
    questions.push(json!({"api_key": secrets::unknown_key()}));
    let body = json!({"verifications": questions});
    let answer = acme.server.call_internal(Method::POST, "/v1/api-keys/verify-batch").json(&body).send();
    let results = answer.expect(200)["results"].as_array().unwrap().clone();
    let told: Vec<_> = results
        .iter()
        .map(|result| result["code"].as_str().or(result["api_key"]["id"].as_str()).unwrap())
        .collect();
    assert_eq!(told, [keys[0].id(), "revoked", keys[2].id(), "insufficient_scope", "not_found"]);
}

fn what_is_malformed_is_named(store: Store) {
    let server = store.server();
    for (path, body, sentence) in [
        ("verify", json!({}), "`api_key` is required."),
        ("verify", json!({"api_key": 1}), "`api_key` must be a string."),
        ("verify", json!({"api_key": "x", "scopes": ["all"]}), "`scopes[0]` is not a known scope."),
        ("verify", json!({"api_key": "x", "max_age_ms": -1}), WHOLE),
        ("verify", json!({"api_key": "x", "max_age_ms": 0.5}), WHOLE),
        ("verify", json!({"api_key": "x", "max_age_ms": "1"}), WHOLE),
        ("verify", json!({"api_key": "x", "max_age_ms": null}), WHOLE),
        ("verify-batch", json!({"verifications": [{}]}), "`verifications[0].api_key` is required."),
    ] {
        let path = format!("/v1/api-keys/{path}");
        assert_eq!(server.call_internal(Method::POST, &path).json(&body).send().error(400), sentence);
    }
    server.call_internal(Method::POST, "/v1/api-keys/verify").body("text/plain", "{}").send().error(415);
    server.call_internal(Method::GET, "/v1/api-keys/verify").send().error(405);
}

fn callers_of_the_api_have_no_such_address(store: Store) {
    let acme = store.tenant();
    let question = json!({"api_key": acme.admin});
    for path in ["/v1/api-keys/verify", "/v1/api-keys/verify-batch", "/authorize/forward-auth"] {
        acme.server.post(path).bearer(&acme.admin).json(&question).send().error(404);
    }
    acme.server.call_internal(Method::GET, "/v1/me").bearer(&acme.admin).send().error(404);
}
