//! `POST /v1/organizations/{orgID}/api-keys/revoke`.

use std::{collections::BTreeSet, thread};

use capykeys_tests::{
    Created, Store, Tenant,
    clerk::{self, Session},
    on_every_store,
};
use serde_json::{Value, json};

on_every_store![
    keys_are_revoked_by_their_ids_and_refused_at_once,
    a_dry_run_says_what_would_fall_and_changes_nothing,
    keys_are_revoked_by_what_they_are_like,
    a_filter_leaves_the_key_that_asks,
    a_key_that_is_named_revokes_itself_along,
    what_is_no_key_of_the_organization_is_told_apart,
    a_thousand_are_taken_at_once_and_the_rest_by_the_same_call,
    ten_at_once_revoke_each_key_once,
    who_may_do_it,
    what_breaks_a_rule_revokes_nothing,
    other_methods_are_not_taken,
];

fn ids(keys: &Value) -> Vec<&str> {
    keys.as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap()).collect()
}

/// The answer to a body that is taken.
#[track_caller]
fn revoke(acme: &Tenant<'_>, body: &Value) -> Value {
    let answer = acme.revoking(&acme.admin, body).send().expect(200);
    assert_eq!(answer["revoked"], answer["api_keys"].as_array().unwrap().len());
    assert_eq!(answer["dry_run"], body.get("dry_run").cloned().unwrap_or(json!(false)));
    answer
}

fn keys_are_revoked_by_their_ids_and_refused_at_once(store: Store) {
    let acme = store.tenant();
    let keys: Vec<Created> = (0..30).map(|_| acme.key_with(&["jobs:read"])).collect();
    assert!(keys.iter().all(|key| acme.accepts(&key.plaintext)));
    let (fall, stay) = keys.split_at(25);
    acme.revoke(fall[3].id());
    let named: Vec<_> = fall.iter().chain(&fall[..2]).map(Created::id).collect();
    let answer = revoke(&acme, &json!({ "ids": named }));
    assert_eq!((&answer["revoked"], &answer["more"]), (&json!(24), &json!(false)));
    assert_eq!(answer.get("not_found"), None);
    let expected: Vec<_> = fall.iter().rev().map(Created::id).filter(|id| *id != fall[3].id()).collect();
    assert_eq!(ids(&answer["api_keys"]), expected);
    for key in answer["api_keys"].as_array().unwrap() {
        assert_eq!((&key["is_active"], key["revoked_at"].is_string()), (&json!(false), true));
    }
    assert!(fall.iter().all(|key| !acme.accepts(&key.plaintext)));
    assert!(stay.iter().all(|key| acme.accepts(&key.plaintext)));
    let before = acme.stored();
    assert_eq!(revoke(&acme, &json!({ "ids": named }))["revoked"], 0);
    assert_eq!(acme.stored(), before);
}

fn a_dry_run_says_what_would_fall_and_changes_nothing(store: Store) {
    let acme = store.tenant();
    let [one, two] = [acme.key_with(&["jobs:read"]), acme.key_with(&["schema:read"])];
    let gone = acme.key_with(&["jobs:read"]);
    acme.revoke(gone.id());
    let before = acme.stored();
    for body in [
        json!({ "ids": [one.id(), two.id(), gone.id()], "dry_run": true }),
        json!({ "filter": { "name": "key" }, "dry_run": true }),
    ] {
        let answer = revoke(&acme, &body);
        assert_eq!(ids(&answer["api_keys"]), [two.id(), one.id()]);
        assert!(answer["api_keys"].as_array().unwrap().iter().all(|key| key["is_active"] == true));
        assert_eq!(acme.stored(), before);
    }
    assert!(acme.accepts(&one.plaintext) && acme.accepts(&two.plaintext));
}

fn keys_are_revoked_by_what_they_are_like(store: Store) {
    let acme = store.tenant();
    let create = |name: &str, scope: &str, project: &str| {
        acme.create(&json!({ "name": name, "scopes": [scope], "project_id": project }))
    };
    let kept = create("CI", "jobs:read", "p2");
    let other_name = create("ci", "jobs:read", "p1");
    let paused = create("CI 2", "jobs:read", "p1");
    acme.disabling(&acme.admin, paused.id()).send().expect(200);
    let falls = create("CI 3", "jobs:read", "p1");
    let active = json!({ "filter": { "project_id": "p1", "name": "CI", "status": "active" } });
    assert_eq!(ids(&revoke(&acme, &active)["api_keys"]), [falls.id()]);
    let disabled = json!({ "filter": { "status": "disabled" } });
    assert_eq!(ids(&revoke(&acme, &disabled)["api_keys"]), [paused.id()]);
    assert_eq!(revoke(&acme, &json!({ "filter": { "status": "revoked" } }))["revoked"], 0);
    assert!(acme.accepts(&kept.plaintext) && acme.accepts(&other_name.plaintext));
    assert!(!acme.accepts(&falls.plaintext));
}

fn a_filter_leaves_the_key_that_asks(store: Store) {
    let acme = store.tenant();
    let other = acme.key_with(&["*"]);
    let answer = revoke(&acme, &json!({ "filter": { "scope": "*" } }));
    assert_eq!(ids(&answer["api_keys"]), [other.id()]);
    assert!(acme.accepts(&acme.admin) && !acme.accepts(&other.plaintext));
}

fn a_key_that_is_named_revokes_itself_along(store: Store) {
    let acme = store.tenant();
    let [one, two] = [acme.key_with(&["api_keys:write"]), acme.key_with(&["jobs:read"])];
    let body = json!({ "ids": [one.id(), two.id()] });
    let answer = acme.revoking(&one.plaintext, &body).send().expect(200);
    assert_eq!(ids(&answer["api_keys"]), [two.id(), one.id()]);
    assert!(!acme.accepts(&one.plaintext) && !acme.accepts(&two.plaintext));
    acme.revoking(&one.plaintext, &body).send().error(401);
}

fn what_is_no_key_of_the_organization_is_told_apart(store: Store) {
    let (acme, other) = (store.tenant(), store.tenant());
    let (key, unknown) = (acme.key_with(&["jobs:read"]), "key_01h455vb4pex5vsknk084sn02q");
    for dry_run in [true, false] {
        let body = json!({ "ids": [other.admin_id, key.id(), unknown], "dry_run": dry_run });
        let answer = revoke(&acme, &body);
        assert_eq!(ids(&answer["api_keys"]), [key.id()]);
        let not_found: BTreeSet<_> =
            answer["not_found"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(not_found, BTreeSet::from([other.admin_id.as_str(), unknown]));
    }
    assert!(other.accepts(&other.admin) && !acme.accepts(&key.plaintext));
}

/// As many as are taken at once and some more, made past the API.
fn a_thousand_are_taken_at_once_and_the_rest_by_the_same_call(store: Store) {
    let acme = store.tenant();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..130).for_each(|_| drop(acme.key_with(&["jobs:read"]))));
        }
    });
    let body = json!({ "filter": { "name": "key" } });
    let rehearsed = revoke(&acme, &json!({ "filter": { "name": "key" }, "dry_run": true }));
    assert_eq!((&rehearsed["revoked"], &rehearsed["more"]), (&json!(1_000), &json!(true)));
    let first = revoke(&acme, &body);
    assert_eq!(ids(&first["api_keys"]), ids(&rehearsed["api_keys"]));
    assert_eq!(first["more"], true);
    let second = revoke(&acme, &body);
    assert_eq!((&second["revoked"], &second["more"]), (&json!(40), &json!(false)));
    assert_eq!(revoke(&acme, &body)["revoked"], 0);
    assert_eq!(acme.list().iter().filter(|key| key["is_active"] == true).count(), 1);
}

fn ten_at_once_revoke_each_key_once(store: Store) {
    let acme = store.tenant();
    let keys: Vec<Created> = (0..40).map(|_| acme.key_with(&["jobs:read"])).collect();
    let named: Vec<_> = keys.iter().map(Created::id).collect();
    let revoked: Vec<Value> = thread::scope(|scope| {
        let calls: Vec<_> = (0..10)
            .map(|place| {
                let (acme, some) = (&acme, &named[place..place + 30]);
                scope.spawn(move || revoke(acme, &json!({ "ids": some })))
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let fell: Vec<_> = revoked.iter().flat_map(|answer| ids(&answer["api_keys"])).collect();
    assert_eq!((fell.len(), fell.iter().collect::<BTreeSet<_>>().len()), (39, 39));
    assert!(keys[..39].iter().all(|key| !acme.accepts(&key.plaintext)));
    assert!(acme.accepts(&keys[39].plaintext));
}

fn who_may_do_it(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let other = store.tenant();
    let own = acme.key_with(&["api_keys:read", "jobs:read"]);
    let project = json!({ "name": "p", "scopes": ["jobs:read"], "project_id": "p1" });
    let project = acme.create(&project);
    let victim = acme.key_with(&["jobs:read"]);
    for (credential, named) in [
        (own.plaintext.as_str(), victim.id()),
        // What DELETE would do, too: this is of any keys of the organization.
        (&own.plaintext, own.id()),
        (&project.plaintext, victim.id()),
        (&other.admin, victim.id()),
        (&Session::member(&at_clerk).sign(), victim.id()),
    ] {
        for body in [json!({ "ids": [named] }), json!({ "ids": [named], "dry_run": true }), json!({})] {
            acme.revoking(credential, &body).send().error(403);
        }
    }
    // A dry run shows keys, as a list does.
    let writer = acme.key_with(&["api_keys:write"]);
    acme.revoking(&writer.plaintext, &json!({ "ids": [victim.id()], "dry_run": true })).send().error(403);
    assert!(acme.accepts(&victim.plaintext) && acme.accepts(&own.plaintext));
    for credential in [Session::admin(&at_clerk).sign(), acme.key_with(&["api_keys:write"]).plaintext] {
        let key = acme.key_with(&["jobs:read"]);
        let answer = acme.revoking(&credential, &json!({ "ids": [key.id()] })).send().expect(200);
        assert_eq!(answer["revoked"], 1);
        assert!(!acme.accepts(&key.plaintext));
    }
}

fn what_breaks_a_rule_revokes_nothing(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    let before = acme.stored();
    for body in [
        json!({}),
        json!([]),
        json!({ "ids": [] }),
        json!({ "ids": [key.id(), "key_"] }),
        json!({ "ids": [key.id(), key.plaintext] }),
        json!({ "ids": [key.id()], "dryrun": true }),
        json!({ "ids": [key.id()], "filter": { "name": "key" } }),
        json!({ "filter": {} }),
        json!({ "filter": { "nmae": "key" } }),
        json!({ "filter": { "name": key.plaintext } }),
        json!({ "ids": vec![key.id(); 1_001] }),
    ] {
        let answer = acme.revoking(&acme.admin, &body).send();
        let sentence = answer.error(400);
        assert!(!sentence.contains("capy_live_"), "{sentence}");
    }
    assert_eq!(acme.stored(), before);
    assert!(acme.accepts(&key.plaintext));
}

fn other_methods_are_not_taken(store: Store) {
    let acme = store.tenant();
    let path = format!("{}/revoke", acme.keys_path());
    let answer = acme.server.get(&path).bearer(&acme.admin).send();
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
}
