//! `POST /v1/organizations/{orgID}/api-keys/{keyID}/disable` and `…/enable`.

use capykeys_tests::{Created, Store, Tenant, clerk, clerk::Session, clock, on_every_store};
use serde_json::{Value, json};

on_every_store![
    a_disabled_key_is_refused_everywhere_until_it_is_enabled,
    disabling_again_changes_nothing,
    a_disabled_key_counts_as_active,
    a_key_that_is_over_is_neither_disabled_nor_enabled,
    what_is_no_key_of_the_organization_is_not_found,
    every_key_may_disable_itself,
    who_may_do_it,
    a_body_that_breaks_a_rule_disables_nothing,
    a_disabled_key_can_be_revoked,
    disabling_a_key_leaves_the_keys_that_it_created_alone,
];

fn disable(acme: &Tenant<'_>, credential: &str, id: &str) -> capykeys_tests::Answer {
    acme.disabling(credential, id).send()
}

fn code(acme: &Tenant<'_>, key: &Created) -> Value {
    acme.server.verify(&json!({"api_key": key.plaintext}))["code"].clone()
}

fn a_disabled_key_is_refused_everywhere_until_it_is_enabled(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    for _ in 0..3 {
        assert!(acme.accepts(&key.plaintext));
        assert_eq!(code(&acme, &key), Value::Null);
        let answer = acme.disabling(&acme.admin, key.id()).json(&json!({"reason": "found"})).send();
        let disabled = answer.expect(200)["api_key"].clone();
        assert!(!acme.accepts(&key.plaintext));
        assert_eq!(code(&acme, &key), "disabled");
        clock::parse(disabled["disabled_at"].as_str().unwrap());
        assert_eq!(disabled["disabled_reason"], "found");
        assert_eq!(acme.stored()[0]["disabled_at"], disabled["disabled_at"]);
        let enabled = acme.enabling(&acme.admin, key.id()).send().expect(200)["api_key"].clone();
        assert_eq!((enabled.get("disabled_at"), enabled.get("disabled_reason")), (None, None));
        assert!(acme.accepts(&key.plaintext));
        assert_eq!(code(&acme, &key), Value::Null);
    }
    assert_eq!(acme.stored()[0], key.key);
}

fn disabling_again_changes_nothing(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    let reason = |reason: &str| {
        acme.disabling(&acme.admin, key.id()).json(&json!({"reason": reason})).send().expect(200)
    };
    let first = reason("one");
    assert_eq!(reason("two"), first);
    assert_eq!(disable(&acme, &acme.admin, key.id()).expect(200), first);
    let enable = || acme.enabling(&acme.admin, key.id()).send();
    let tag = enable().header("etag").unwrap().to_owned();
    assert_eq!(enable().header("etag"), Some(tag.as_str()));
}

/// Terraform forgets a key that is not active, and makes another one.
fn a_disabled_key_counts_as_active(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    disable(&acme, &acme.admin, key.id()).expect(200);
    let listed = acme.stored().into_iter().find(|one| one["id"] == key.id()).unwrap();
    assert_eq!(listed["is_active"], true);
    for member in ["name", "scopes", "expires_at", "created_at"] {
        assert_eq!(listed[member], key.key[member]);
    }
}

fn a_key_that_is_over_is_neither_disabled_nor_enabled(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    acme.revoke(key.id());
    let before = acme.stored();
    assert_eq!(disable(&acme, &acme.admin, key.id()).error(409), "The API key is revoked.");
    assert_eq!(acme.enabling(&acme.admin, key.id()).send().error(409), "The API key is revoked.");
    assert_eq!(acme.stored(), before);
}

fn what_is_no_key_of_the_organization_is_not_found(store: Store) {
    let (acme, other) = (store.tenant(), store.tenant());
    for id in ["key_01h455vb4pex5vsknk084sn02q", &other.admin_id, "x", "%00"] {
        assert_eq!(disable(&acme, &acme.admin, id).error(404), "There is no such API key.");
        assert_eq!(acme.enabling(&acme.admin, id).send().error(404), "There is no such API key.");
    }
    assert!(other.accepts(&other.admin));
}

fn every_key_may_disable_itself(store: Store) {
    let acme = store.tenant();
    let project = json!({"name": "p", "scopes": ["jobs:read"], "project_id": "p"});
    for mine in [acme.key_with(&["jobs:read"]), acme.create(&project)] {
        disable(&acme, &mine.plaintext, &acme.admin_id).error(403);
        disable(&acme, &mine.plaintext, mine.id()).expect(200);
        acme.enabling(&mine.plaintext, mine.id()).send().error(401);
        acme.enabling(&acme.admin, mine.id()).send().expect(200);
        assert!(acme.accepts(&mine.plaintext));
    }
}

fn who_may_do_it(store: Store) {
    let at_clerk = clerk::organization_id();
    let (acme, other) = (Tenant::with_clerk(store.server(), &at_clerk), store.tenant());
    for (credential, status) in [
        (acme.key_with(&["api_keys:write", "jobs:read"]).plaintext, 200),
        (Session::admin(&at_clerk).sign(), 200),
        (acme.key_with(&["api_keys:read", "jobs:read"]).plaintext, 403),
        (Session::member(&at_clerk).sign(), 403),
        (Session::admin(&at_clerk).impersonated().sign(), 403),
        (other.admin.clone(), 403),
        ("wrong".to_owned(), 401),
    ] {
        let victim = acme.key_with(&["jobs:read"]);
        assert_eq!(disable(&acme, &credential, victim.id()).status, status);
        assert_eq!(acme.accepts(&victim.plaintext), status != 200);
        assert_eq!(acme.enabling(&credential, victim.id()).send().status, status);
        assert!(acme.accepts(&victim.plaintext));
    }
    // What it could not create, it does not make good again.
    let victim = acme.key_with(&["*"]);
    let lesser = acme.key_with(&["api_keys:write"]).plaintext;
    disable(&acme, &lesser, victim.id()).expect(200);
    acme.enabling(&lesser, victim.id()).send().error(403);
    assert!(!acme.accepts(&victim.plaintext));
}

fn a_body_that_breaks_a_rule_disables_nothing(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    let long = format!(r#"{{"reason":"{}"}}"#, "é".repeat(201));
    for body in
        ["{", "[]", r#"{"reason":null}"#, r#"{"reason":1}"#, r#"{"reason":""}"#, r#"{"reason":" "}"#, &long]
    {
        acme.disabling(&acme.admin, key.id()).json_text(body).send().error(400);
    }
    let plain = acme.disabling(&acme.admin, key.id()).body("text/plain", "{}").send();
    plain.error(415);
    assert!(acme.accepts(&key.plaintext));
    let longest = json!({"reason": "é".repeat(200), "newer": 1});
    acme.disabling(&acme.admin, key.id()).json(&longest).send().expect(200);
}

fn a_disabled_key_can_be_revoked(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    disable(&acme, &acme.admin, key.id()).expect(200);
    acme.revoke(key.id());
    assert_eq!(code(&acme, &key), "revoked");
    acme.enabling(&acme.admin, key.id()).send().error(409);
    assert!(!acme.accepts(&key.plaintext));
}

fn disabling_a_key_leaves_the_keys_that_it_created_alone(store: Store) {
    let acme = store.tenant();
    let creator = acme.key_with(&["*"]);
    let body = json!({"name": "made", "scopes": ["jobs:read"]});
    let made = Created::from_body(&acme.creation(&creator.plaintext, &body).send().expect(201));
    disable(&acme, &acme.admin, creator.id()).expect(200);
    acme.creation(&creator.plaintext, &body).send().error(401);
    assert!(acme.accepts(&made.plaintext));
}
