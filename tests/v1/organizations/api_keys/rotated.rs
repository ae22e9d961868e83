//! What happens to a key while two secrets are good for it.

use std::time::Duration;

use capykeys_tests::{Created, Store, Tenant, clock, on_every_store};
use serde_json::{Value, json};

on_every_store![
    an_edit_of_what_was_before_a_rotation_is_refused,
    an_earlier_end_of_the_key_ends_both_secrets_and_a_later_one_brings_none_back,
    scopes_that_are_taken_away_are_taken_from_both_secrets,
    the_previous_secret_may_make_the_key_stricter_and_reach_no_further_than_itself,
    a_key_is_found_in_lists_as_before_and_shows_both_prefixes,
    a_key_that_is_revoked_in_its_grace_has_no_secret_that_can_be_finished,
    no_other_answer_holds_a_secret,
];

/// The secrets of a key that was rotated, each of which was used before.
fn rotated(acme: &Tenant<'_>, scopes: &[&str]) -> [Created; 2] {
    let old = acme.key_with(scopes);
    assert!(acme.accepts(&old.plaintext));
    let new = Created::from_body(&acme.rotation(&acme.admin, old.id()).send().expect(200));
    let both = [old, new];
    assert!(both.iter().all(|one| acme.accepts(&one.plaintext)));
    both
}

fn tag(acme: &Tenant<'_>, id: &str) -> String {
    acme.reading(&acme.admin, id).send().header("etag").unwrap().to_owned()
}

fn an_edit_of_what_was_before_a_rotation_is_refused(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    let rename =
        |tag: &str| acme.update(&acme.admin, key.id(), &json!({"name": "n"})).header("if-match", tag);
    let before = tag(&acme, key.id());
    acme.rotation(&acme.admin, key.id()).send().expect(200);
    rename(&before).send().error(412);
    let within = tag(&acme, key.id());
    assert_ne!(within, before);
    acme.finishing(&acme.admin, key.id()).send().expect(200);
    rename(&within).send().error(412);
    // A use with either is no change.
    let after = tag(&acme, key.id());
    rename(&after).send().expect(200);
}

fn an_earlier_end_of_the_key_ends_both_secrets_and_a_later_one_brings_none_back(store: Store) {
    let acme = store.tenant();
    let [old, new] = rotated(&acme, &["jobs:read"]);
    let end = |end: Value| acme.update(&acme.admin, old.id(), &json!({"expires_at": end})).send().expect(200);
    end(json!(clock::ahead(Duration::from_hours(1))));
    let verdict = acme.server.verify(&json!({"api_key": old.plaintext}));
    let of_key = acme.server.verify(&json!({"api_key": new.plaintext}));
    assert_eq!(
        verdict["api_key"]["expires_at"], of_key["api_key"]["expires_at"],
        "the key ends before the grace"
    );
    acme.finishing(&acme.admin, old.id()).send().expect(200);
    end(Value::Null);
    assert!(!acme.accepts(&old.plaintext) && acme.accepts(&new.plaintext));
    // Nor does what else makes a key good again.
    acme.disabling(&acme.admin, old.id()).send().expect(200);
    acme.enabling(&acme.admin, old.id()).send().expect(200);
    assert!(!acme.accepts(&old.plaintext) && acme.accepts(&new.plaintext));
}

fn scopes_that_are_taken_away_are_taken_from_both_secrets(store: Store) {
    let acme = store.tenant();
    let both = rotated(&acme, &["jobs:read", "schema:read"]);
    acme.update(&acme.admin, both[0].id(), &json!({"scopes": ["jobs:read"]})).send().expect(200);
    for Created { plaintext, .. } in &both {
        let verdict = acme.server.verify(&json!({"api_key": plaintext, "scopes": ["schema:read"]}));
        assert_eq!(verdict["code"], "insufficient_scope");
        assert!(acme.accepts(plaintext));
    }
}

fn the_previous_secret_may_make_the_key_stricter_and_reach_no_further_than_itself(store: Store) {
    let acme = store.tenant();
    let [old, new] = rotated(&acme, &["*"]);
    let update = |id: &str, body: &Value| acme.update(&old.plaintext, id, body).send();
    let hour = clock::ahead(Duration::from_hours(1));
    let other = acme.create(&json!({"name": "o", "scopes": ["jobs:read"], "expires_at": hour}));
    // Beyond the end of its grace, of another key and of its own.
    update(other.id(), &json!({"expires_at": null})).error(403);
    update(other.id(), &json!({"expires_at": clock::ahead(Duration::from_hours(48))})).error(403);
    acme.rotation(&old.plaintext, other.id()).send().expect(200);
    update(old.id(), &json!({"expires_at": hour})).expect(200);
    update(old.id(), &json!({"expires_at": null})).error(403);
    acme.rotation(&old.plaintext, old.id()).json(&json!({"discard_newest": true})).send().error(403);
    assert!(acme.accepts(&new.plaintext));
    acme.disabling(&old.plaintext, old.id()).send().expect(200);
    assert!(!acme.accepts(&new.plaintext) && !acme.accepts(&old.plaintext));
}

fn a_key_is_found_in_lists_as_before_and_shows_both_prefixes(store: Store) {
    let acme = store.tenant();
    let [old, new] = rotated(&acme, &["jobs:read"]);
    acme.finishing(&acme.admin, &acme.admin_id).send().expect(200);
    for query in ["status=active&scope=jobs:read", "name=key&scope=jobs:read", "limit=1", "source=api"] {
        let path = format!("{}?{query}", acme.keys_path());
        let listed = acme.server.get(&path).bearer(&acme.admin).send().expect(200);
        let found = listed["api_keys"].as_array().unwrap().iter().find(|key| key["id"] == old.id());
        let Some(found) = found else {
            assert!(query.starts_with("name"), "{query}");
            continue;
        };
        assert_eq!(found["previous_key_prefix"], old.key["key_prefix"], "{query}");
        assert_eq!(found["key_prefix"], new.key["key_prefix"], "{query}");
        assert_eq!(found["is_active"], true);
    }
}

fn a_key_that_is_revoked_in_its_grace_has_no_secret_that_can_be_finished(store: Store) {
    let acme = store.tenant();
    let both = rotated(&acme, &["jobs:read"]);
    acme.revoke(both[0].id());
    acme.finishing(&acme.admin, both[0].id()).send().error(409);
    for id in ["self", both[0].id()] {
        acme.finishing(&both[0].plaintext, id).send().error(401);
        acme.rotation(&both[1].plaintext, id).send().error(401);
    }
    assert!(both.iter().all(|one| !acme.accepts(&one.plaintext)));
}

/// But for the one secret in the one answer. Whatever a server writes to its log is looked through by every test.
fn no_other_answer_holds_a_secret(store: Store) {
    let acme = store.tenant();
    let both = rotated(&acme, &["jobs:read"]);
    let again = acme.rotation(&acme.admin, both[0].id()).send();
    assert_eq!(again.status, 409);
    let finished = acme.finishing(&acme.admin, both[0].id()).send();
    let told = [again.json(), finished.json(), json!(acme.stored())].map(|body| body.to_string());
    for Created { plaintext, .. } in &both {
        assert!(told.iter().all(|text| !text.contains(&plaintext[14..])));
    }
}
