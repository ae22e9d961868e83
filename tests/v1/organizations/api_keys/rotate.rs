//! `POST /v1/organizations/{orgID}/api-keys/{keyID}/rotate` and `…/rotate/finish`.

use std::time::Duration;

use capykeys_tests::{Created, Store, Tenant, clerk, clerk::Session, clock, on_every_store, wait};
use serde_json::{Value, json};

on_every_store![
    a_rotated_key_is_the_same_key_with_two_secrets_until_it_is_finished,
    the_previous_secret_ends_with_its_grace,
    the_key_says_whether_its_previous_secret_is_still_in_use,
    a_second_rotation_during_a_grace_is_refused_unless_it_says_what_is_to_go,
    every_key_may_rotate_itself_with_its_present_secret,
    who_may_do_it,
    what_is_no_key_of_the_organization_is_not_found,
    a_key_that_is_over_is_not_rotated,
    a_disabled_key_is_rotated_without_a_grace,
    a_body_that_breaks_a_rule_rotates_nothing,
    a_key_made_with_the_previous_secret_ends_with_it,
    revoking_ends_both_secrets,
];

const NO_GRACE: &str = r#"{"grace_seconds":0}"#;

fn rotate(acme: &Tenant<'_>, key: &Created) -> Created {
    Created::from_body(&acme.rotation(&acme.admin, key.id()).send().expect(200))
}

fn code(acme: &Tenant<'_>, plaintext: &str) -> Value {
    acme.server.verify(&json!({"api_key": plaintext}))["code"].clone()
}

/// Terraform replaces a key that has another name or other scopes, and forgets one that is not active.
fn a_rotated_key_is_the_same_key_with_two_secrets_until_it_is_finished(store: Store) {
    let acme = store.tenant();
    let old = acme.create(&json!({"name": " CI ", "scopes": ["jobs:read", "backups:read"]}));
    let new = rotate(&acme, &old);
    for member in ["id", "name", "scopes", "created_at", "source", "is_active", "organization_id"] {
        assert_eq!(new.key[member], old.key[member], "{member}");
    }
    assert_eq!(new.key["previous_key_prefix"], old.key["key_prefix"]);
    assert_eq!(new.key["key_prefix"], new.plaintext[..14]);
    let [rotated, end] =
        ["rotated_at", "previous_expires_at"].map(|name| clock::parse(new.key[name].as_str().unwrap()));
    assert_eq!(end - rotated, time::Duration::hours(24));
    assert_eq!(acme.stored()[0], new.key);
    for secret in [&old.plaintext, &new.plaintext] {
        assert!(acme.accepts(secret));
        assert_eq!(code(&acme, secret), Value::Null);
    }
    let finished = acme.finishing(&acme.admin, old.id()).send().expect(200)["api_key"].clone();
    assert!(clock::parse(finished["previous_expires_at"].as_str().unwrap()) < end);
    assert!(!acme.accepts(&old.plaintext));
    assert_eq!(code(&acme, &old.plaintext), "not_found");
    assert!(acme.accepts(&new.plaintext));
    assert_eq!(acme.stored()[0], finished);
    assert_eq!(acme.finishing(&acme.admin, old.id()).send().expect(200)["api_key"], finished);
    // Of a key that was never rotated, there is nothing to end.
    assert_eq!(
        acme.finishing(&acme.admin, &acme.admin_id).send().expect(200)["api_key"]["id"],
        acme.admin_id.as_str()
    );
    assert!(acme.accepts(&acme.admin));
}

fn the_previous_secret_ends_with_its_grace(store: Store) {
    let acme = store.tenant();
    let old = acme.key_with(&["jobs:read"]);
    assert!(acme.accepts(&old.plaintext));
    let body = json!({"grace_seconds": 2});
    let new = Created::from_body(&acme.rotation(&acme.admin, old.id()).json(&body).send().expect(200));
    let verdict =
        |max_age_ms: u32| acme.server.verify(&json!({"api_key": old.plaintext, "max_age_ms": max_age_ms}));
    // To whoever holds the secret before, that is when the key ends.
    assert_eq!(verdict(0)["api_key"]["expires_at"], new.key["previous_expires_at"]);
    let end = clock::parse(new.key["previous_expires_at"].as_str().unwrap());
    wait::until("the grace is over", Duration::from_mins(1), || {
        let asked = clock::now();
        let verdict = verdict(60_000);
        if verdict["valid"] == true {
            let kept = time::Duration::milliseconds(verdict["max_age_ms"].as_i64().unwrap());
            assert!(
                asked + kept <= end + time::Duration::milliseconds(100),
                "kept beyond the grace: {verdict}"
            );
        }
        (verdict["valid"] == false).then_some(())
    });
    assert_eq!(code(&acme, &old.plaintext), "expired");
    assert!(!acme.accepts(&old.plaintext));
    assert!(acme.accepts(&new.plaintext));

    let newest = acme.rotation(&acme.admin, old.id()).json_text(NO_GRACE).send().expect(200);
    let newest = Created::from_body(&newest);
    assert_eq!(newest.key["previous_expires_at"], newest.key["rotated_at"]);
    assert!(!acme.accepts(&new.plaintext) && acme.accepts(&newest.plaintext));
}

fn the_key_says_whether_its_previous_secret_is_still_in_use(store: Store) {
    let acme = store.tenant();
    let old = acme.key_with(&["jobs:read"]);
    let new = rotate(&acme, &old);
    assert_eq!(new.key.get("previous_last_used_at"), None);
    let last_used = || {
        let key = acme.list().remove(0);
        (key.get("last_used_at").cloned(), key.get("previous_last_used_at").cloned())
    };
    assert!(acme.accepts(&new.plaintext));
    let (used, _) = wait::until("the use is stored", Duration::from_mins(1), || {
        Some(last_used()).filter(|(used, _)| used.is_some())
    });
    assert_eq!(last_used(), (used, None));
    assert!(acme.accepts(&old.plaintext));
    let (used, previous) = wait::until("the use is stored", Duration::from_mins(1), || {
        Some(last_used()).filter(|(_, previous)| previous.is_some())
    });
    assert_eq!(used, previous, "the last use of the key was one with the secret before");
    // It is no change of the key for those who edit it.
    let tag = |answer: capykeys_tests::Answer| answer.header("etag").unwrap().to_owned();
    let before = tag(acme.reading(&acme.admin, old.id()).send());
    assert_eq!(tag(acme.reading(&acme.admin, old.id()).send()), before);
}

fn a_second_rotation_during_a_grace_is_refused_unless_it_says_what_is_to_go(store: Store) {
    let acme = store.tenant();
    let first = acme.key_with(&["jobs:read"]);
    let second = rotate(&acme, &first);
    let sentence = acme.rotation(&acme.admin, first.id()).send().error(409);
    assert!(sentence.contains("being rotated"), "{sentence}");
    let discarding = json!({"discard_newest": true});
    let third = acme.rotation(&acme.admin, first.id()).json(&discarding).send().expect(200);
    let third = Created::from_body(&third);
    assert_eq!(third.key["previous_expires_at"], second.key["previous_expires_at"]);
    assert_eq!(third.key["previous_key_prefix"], first.key["key_prefix"]);
    for (secret, is_good) in [(&first, true), (&second, false), (&third, true)] {
        assert_eq!(acme.accepts(&secret.plaintext), is_good);
    }
    let fourth = acme.rotation(&acme.admin, first.id()).json_text(NO_GRACE).send().expect(200);
    let fourth = Created::from_body(&fourth);
    for (secret, is_good) in [(&first, false), (&third, false), (&fourth, true)] {
        assert_eq!(acme.accepts(&secret.plaintext), is_good);
    }
}

fn every_key_may_rotate_itself_with_its_present_secret(store: Store) {
    let acme = store.tenant();
    let project = json!({"name": "p", "scopes": ["jobs:read"], "project_id": "p"});
    for mine in [acme.key_with(&["jobs:read"]), acme.create(&project)] {
        acme.rotation(&mine.plaintext, &acme.admin_id).send().error(403);
        let second = acme.rotation(&mine.plaintext, "self").send().expect(200);
        let second = Created::from_body(&second);
        assert_eq!(second.id(), mine.id());
        for id in ["self", mine.id()] {
            let sentence = acme.rotation(&mine.plaintext, id).json_text(NO_GRACE).send().error(403);
            assert_eq!(sentence, "An API key cannot be rotated with its previous secret.");
        }
        acme.finishing(&second.plaintext, "self").send().expect(200);
        assert!(!acme.accepts(&mine.plaintext));
        let third = acme.rotation(&second.plaintext, mine.id()).send().expect(200);
        // Whoever holds a secret may end it.
        acme.finishing(&second.plaintext, "self").send().expect(200);
        assert!(!acme.accepts(&second.plaintext));
        assert!(acme.accepts(&Created::from_body(&third).plaintext));
    }
    let member = Session::admin(&clerk::organization_id()).sign();
    acme.rotation(&member, "self").send().error(403);
}

fn who_may_do_it(store: Store) {
    let at_clerk = clerk::organization_id();
    let (acme, other) = (Tenant::with_clerk(store.server(), &at_clerk), store.tenant());
    for (credential, rotates, finishes) in [
        (acme.key_with(&["api_keys:write", "jobs:read"]).plaintext, 200, 200),
        (Session::admin(&at_clerk).sign(), 200, 200),
        // Its secret would be told to one who could not create it.
        (acme.key_with(&["api_keys:write"]).plaintext, 403, 200),
        (acme.key_with(&["api_keys:read", "jobs:read"]).plaintext, 403, 403),
        (Session::member(&at_clerk).sign(), 403, 403),
        (Session::admin(&at_clerk).impersonated().sign(), 403, 403),
        (other.admin.clone(), 403, 403),
        ("wrong".to_owned(), 401, 401),
    ] {
        let victim = acme.key_with(&["jobs:read"]);
        let answer = acme.rotation(&credential, victim.id()).send();
        assert_eq!(answer.status, rotates);
        assert!(answer.status == 200 || !answer.json().to_string().contains("plaintext"));
        assert!(acme.accepts(&victim.plaintext));
        if rotates != 200 {
            assert_eq!(acme.stored()[0], victim.key);
            rotate(&acme, &victim);
        }
        assert_eq!(acme.finishing(&credential, victim.id()).send().status, finishes);
        assert_eq!(acme.accepts(&victim.plaintext), finishes != 200);
    }
    let ending = json!({"name": "e", "scopes": ["*"], "expires_at": clock::ahead(Duration::from_hours(1))});
    let (ending, victim) = (acme.create(&ending), acme.key_with(&["jobs:read"]));
    acme.rotation(&ending.plaintext, victim.id()).send().error(403);
}

fn what_is_no_key_of_the_organization_is_not_found(store: Store) {
    let at_clerk = clerk::organization_id();
    let (acme, other) = (Tenant::with_clerk(store.server(), &at_clerk), store.tenant());
    for id in ["key_01h455vb4pex5vsknk084sn02q", &other.admin_id, "x", "%00", "SELF"] {
        assert_eq!(acme.rotation(&acme.admin, id).send().error(404), "There is no such API key.");
        assert_eq!(acme.finishing(&acme.admin, id).send().error(404), "There is no such API key.");
    }
    // A person is no key.
    let person = Session::admin(&at_clerk).sign();
    acme.rotation(&person, "self").send().error(404);
    acme.finishing(&person, "self").send().error(404);
    // Nothing else knows that word.
    acme.revocation(&acme.admin, "self").send().error(404);
    assert!(other.accepts(&other.admin) && acme.accepts(&acme.admin));
}

fn a_key_that_is_over_is_not_rotated(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    acme.revoke(key.id());
    let before = acme.stored();
    assert_eq!(acme.rotation(&acme.admin, key.id()).send().error(409), "The API key is revoked.");
    assert_eq!(acme.finishing(&acme.admin, key.id()).send().error(409), "The API key is revoked.");
    assert_eq!(acme.stored(), before);
    // A grace does not outlive the key.
    let end = clock::ahead(Duration::from_hours(1));
    let ending = acme.create(&json!({"name": "e", "scopes": ["jobs:read"], "expires_at": end}));
    let rotated = rotate(&acme, &ending);
    assert_eq!(rotated.key["previous_expires_at"], ending.key["expires_at"]);
}

fn a_disabled_key_is_rotated_without_a_grace(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    acme.disabling(&acme.admin, key.id()).send().expect(200);
    let new = rotate(&acme, &key);
    assert_eq!(code(&acme, &new.plaintext), "disabled");
    assert!(!acme.accepts(&key.plaintext));
    acme.enabling(&acme.admin, key.id()).send().expect(200);
    assert!(acme.accepts(&new.plaintext));
    assert!(!acme.accepts(&key.plaintext));
    // Disabled in a grace, both are refused, and both are good again.
    let newest = rotate(&acme, &new);
    acme.disabling(&acme.admin, key.id()).send().expect(200);
    for secret in [&new.plaintext, &newest.plaintext] {
        assert_eq!(code(&acme, secret), "disabled");
    }
    acme.enabling(&acme.admin, key.id()).send().expect(200);
    assert!(acme.accepts(&new.plaintext) && acme.accepts(&newest.plaintext));
}

fn a_body_that_breaks_a_rule_rotates_nothing(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    for body in [
        "{",
        "[]",
        r#"{"grace_seconds":null}"#,
        r#"{"grace_seconds":"1"}"#,
        r#"{"grace_seconds":-1}"#,
        r#"{"grace_seconds":1.5}"#,
        r#"{"grace_seconds":2592001}"#,
        r#"{"grace_seconds":1e99}"#,
        r#"{"grace_seconds":1,"grace_seconds":1}"#,
        r#"{"discard_newest":1}"#,
    ] {
        acme.rotation(&acme.admin, key.id()).json_text(body).send().error(400);
    }
    acme.rotation(&acme.admin, key.id()).body("text/plain", "{}").send().error(415);
    assert_eq!(acme.stored()[0], key.key);
    let longest = json!({"grace_seconds": 2_592_000, "newer": 1});
    acme.rotation(&acme.admin, key.id()).json(&longest).send().expect(200);
}

fn a_key_made_with_the_previous_secret_ends_with_it(store: Store) {
    let acme = store.tenant();
    let old = acme.key_with(&["*"]);
    let new = rotate(&acme, &old);
    let body = json!({"name": "made", "scopes": ["jobs:read"]});
    let made = acme.creation(&old.plaintext, &body).send().expect(201);
    assert_eq!(made["api_key"]["expires_at"], new.key["previous_expires_at"]);
    let made = acme.creation(&new.plaintext, &body).send().expect(201);
    assert_eq!(made["api_key"].get("expires_at"), None);
}

fn revoking_ends_both_secrets(store: Store) {
    let acme = store.tenant();
    let old = acme.key_with(&["jobs:read"]);
    let new = rotate(&acme, &old);
    acme.revocation(&old.plaintext, old.id()).send().expect(200);
    for secret in [&old.plaintext, &new.plaintext] {
        assert!(!acme.accepts(secret));
        assert_eq!(code(&acme, secret), "revoked");
    }
}
