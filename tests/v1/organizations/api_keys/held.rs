//! Requests that were let through and are then held open: what happens meanwhile still counts.

use std::{thread, time::Duration};

use capykeys_tests::{
    Answer, Created, Store, Tables, Tenant,
    clerk::{self, Session},
    clock, on_every_store,
    raw::Raw,
};
use serde_json::json;

on_every_store![
    a_key_that_is_revoked_while_its_request_is_held_creates_nothing,
    a_key_that_is_disabled_while_its_request_is_held_creates_nothing_and_widens_nothing,
    a_key_that_has_lost_a_scope_while_its_request_is_held_hands_it_on_to_no_key,
    an_organization_that_is_suspended_while_a_request_is_held_gets_no_key,
    a_key_that_is_disabled_while_its_request_is_held_is_told_no_other_secret_for_itself,
    a_key_whose_organization_is_suspended_while_its_request_is_held_is_told_no_other_secret,
    a_secret_that_is_replaced_while_its_request_is_held_hands_on_no_more_than_its_grace,
    a_secret_that_is_discarded_while_its_request_is_held_creates_nothing,
    a_key_that_is_revoked_while_its_request_is_held_changes_and_revokes_no_other;
    tables:
    a_key_that_loses_something_while_its_request_is_held_does_not_hand_it_on,
    a_session_whose_organization_is_linked_to_another_while_a_request_is_held_creates_nothing,
];

const BODY: &str = r#"{"name":"held","scopes":["jobs:read"]}"#;

/// Asks for a key, and does `meanwhile` before the last byte of the body.
fn hold(acme: &Tenant<'_>, credential: &str, meanwhile: impl FnOnce()) -> Answer {
    hold_request(acme, credential, ("POST", &acme.keys_path(), BODY), meanwhile)
}

/// Sends another request so.
fn hold_request(
    acme: &Tenant<'_>,
    credential: &str,
    (method, path, body): (&str, &str, &str),
    meanwhile: impl FnOnce(),
) -> Answer {
    let mut connection = Raw::connect(acme.server);
    connection.send(format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {credential}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    connection.send(&body[..body.len() - 1]);
    // Nothing tells from outside that the caller was let through; too short a wait only makes the
    // test easier to pass.
    thread::sleep(Duration::from_millis(300));
    meanwhile();
    connection.send(&body[body.len() - 1..]);
    connection.answer()
}

fn a_key_that_is_revoked_while_its_request_is_held_creates_nothing(store: Store) {
    let acme = store.tenant();
    let creator = acme.key_with(&["*"]);
    let before = acme.list().len();
    hold(&acme, &creator.plaintext, || acme.revoke(creator.id())).error(401);
    assert_eq!(acme.list().len(), before);
    assert_eq!(hold(&acme, &acme.admin, || {}).status, 201);
}

fn a_key_that_is_revoked_while_its_request_is_held_changes_and_revokes_no_other(store: Store) {
    let acme = store.tenant();
    let other = acme.key_with(&["jobs:read"]);
    let one = acme.key_path(other.id());
    let (all, disabling) = (format!("{}/revoke", acme.keys_path()), format!("{one}/disable"));
    for request in [
        ("POST", all.as_str(), r#"{"filter":{"scope":"jobs:read"}}"#),
        ("PATCH", &one, r#"{"name":"held"}"#),
        ("POST", &disabling, r#"{"reason":"held"}"#),
    ] {
        let manager = acme.key_with(&["*"]);
        hold_request(&acme, &manager.plaintext, request, || acme.revoke(manager.id())).error(401);
        assert!(acme.stored().contains(&other.key), "{request:?}");
    }
}

fn a_key_that_is_disabled_while_its_request_is_held_creates_nothing_and_widens_nothing(store: Store) {
    let acme = store.tenant();
    let (manager, other) = (acme.key_with(&["*"]), acme.key_with(&["jobs:read"]));
    let before = acme.stored();
    let wider = r#"{"scopes":["jobs:read","schema:read"]}"#;
    let path = acme.key_path(other.id());
    for request in [("POST", acme.keys_path().as_str(), BODY), ("PATCH", &path, wider)] {
        let disable = || drop(acme.disabling(&acme.admin, manager.id()).send().expect(200));
        hold_request(&acme, &manager.plaintext, request, disable).error(401);
        acme.enabling(&acme.admin, manager.id()).send().expect(200);
        assert_eq!(acme.stored(), before);
    }
    assert_eq!(hold_request(&acme, &manager.plaintext, ("PATCH", &path, wider), || {}).status, 200);
}

fn a_key_that_has_lost_a_scope_while_its_request_is_held_hands_it_on_to_no_key(store: Store) {
    let acme = store.tenant();
    let (manager, other) = (acme.key_with(&["api_keys:write", "jobs:read"]), acme.key_with(&["schema:read"]));
    let path = acme.key_path(other.id());
    let wider = ("PATCH", path.as_str(), r#"{"scopes":["jobs:read"]}"#);
    let narrow = || {
        let fewer = json!({"scopes": ["api_keys:write"]});
        acme.update(&acme.admin, manager.id(), &fewer).send().expect(200);
    };
    hold_request(&acme, &manager.plaintext, wider, narrow).error(403);
    assert_eq!(acme.stored()[0], other.key);
}

fn an_organization_that_is_suspended_while_a_request_is_held_gets_no_key(store: Store) {
    let acme = store.tenant();
    let installation = acme.server.installation();
    let before = acme.list().len();
    let suspend = || drop(installation.run(&["organizations", "suspend", &acme.id]).expect_success());
    hold(&acme, &acme.admin, suspend).error(403);
    let _ = installation.run(&["organizations", "resume", &acme.id]).expect_success();
    assert_eq!(acme.list().len(), before);
}

/// Else whoever enables it would enable a secret that the one before has fetched meanwhile.
fn a_key_that_is_disabled_while_its_request_is_held_is_told_no_other_secret_for_itself(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    let path = format!("{}/rotate", acme.key_path("self"));
    let disable = || drop(acme.disabling(&acme.admin, key.id()).send().expect(200));
    hold_request(&acme, &key.plaintext, ("POST", &path, "{}"), disable).error(401);
    acme.enabling(&acme.admin, key.id()).send().expect(200);
    assert_eq!(acme.stored()[0], key.key);
    assert_eq!(hold_request(&acme, &key.plaintext, ("POST", &path, "{}"), || {}).status, 200);
}

fn a_key_whose_organization_is_suspended_while_its_request_is_held_is_told_no_other_secret(store: Store) {
    let acme = store.tenant();
    let installation = acme.server.installation();
    let key = acme.key_with(&["jobs:read"]);
    let path = format!("{}/rotate", acme.key_path("self"));
    let suspend = || drop(installation.run(&["organizations", "suspend", &acme.id]).expect_success());
    hold_request(&acme, &key.plaintext, ("POST", &path, "{}"), suspend).error(403);
    let _ = installation.run(&["organizations", "resume", &acme.id]).expect_success();
    assert_eq!(acme.stored()[0], key.key);
}

/// It was the present one when it was let through, and ends with its grace by now.
fn a_secret_that_is_replaced_while_its_request_is_held_hands_on_no_more_than_its_grace(store: Store) {
    let acme = store.tenant();
    let (managers, other) = ([acme.key_with(&["*"]), acme.key_with(&["*"])], acme.key_with(&["jobs:read"]));
    let (before, keys) = (acme.list().len(), acme.keys_path());
    let rotation = format!("{}/rotate", acme.key_path(other.id()));
    for (manager, (path, body)) in managers.iter().zip([(&keys, BODY), (&rotation, "{}")]) {
        let rotate = || drop(acme.rotation(&acme.admin, manager.id()).send().expect(200));
        hold_request(&acme, &manager.plaintext, ("POST", path, body), rotate).error(403);
        assert!(acme.accepts(&manager.plaintext));
    }
    assert_eq!(acme.list().len(), before);
    assert_eq!(acme.stored()[0], other.key);
}

fn a_secret_that_is_discarded_while_its_request_is_held_creates_nothing(store: Store) {
    let acme = store.tenant();
    let old = acme.key_with(&["*"]);
    let lost = Created::from_body(&acme.rotation(&acme.admin, old.id()).send().expect(200));
    let before = acme.list().len();
    let discard = || {
        let body = json!({"discard_newest": true});
        acme.rotation(&acme.admin, old.id()).json(&body).send().expect(200);
    };
    let ending =
        json!({"name": "e", "scopes": ["jobs:read"], "expires_at": clock::ahead(Duration::from_hours(1))});
    let path = acme.keys_path();
    hold_request(&acme, &lost.plaintext, ("POST", &path, &ending.to_string()), discard).error(401);
    assert_eq!(acme.list().len(), before);
}

fn a_key_that_loses_something_while_its_request_is_held_does_not_hand_it_on(store: Store) {
    let acme = store.tenant();
    let in_postgresql = store.tables() == Some(Tables::Postgresql(()));
    let scopes = |names: &str| {
        let names = format!("'{names}'");
        if in_postgresql {
            format!("scopes = string_to_array({names}, ' ')")
        } else {
            format!("scopes = {names}")
        }
    };
    // In the year 2100.
    let expiry =
        if in_postgresql { "expires_at = to_timestamp(4102444800)" } else { "expires_at = 4102444800000000" };
    for (change, sentence) in [
        (
            scopes("api_keys:write"),
            "The API key cannot grant the scope jobs:read, which it does not hold itself.",
        ),
        (scopes("jobs:read api_keys:read"), "The API key lacks the scope api_keys:write."),
        ("project_id = 'p1'".to_owned(), "A project-scoped API key cannot manage API keys."),
        (expiry.to_owned(), "The API key cannot create a key that expires later than itself."),
    ] {
        let name = format!("creator: {change}").replace('\'', "");
        let creator = acme.create(&json!({"name": name, "scopes": ["jobs:read", "api_keys:write"]}));
        let narrow = format!("UPDATE api_keys SET {change} WHERE name = '{name}'");
        let before = acme.list().len();
        let answer =
            hold(&acme, &creator.plaintext, || acme.server.installation().change_row(&narrow)).error(403);
        assert_eq!(answer, sentence, "{change}");
        assert_eq!(acme.list().len(), before);
    }
}

fn a_session_whose_organization_is_linked_to_another_while_a_request_is_held_creates_nothing(store: Store) {
    let (old, new) = (clerk::organization_id(), clerk::organization_id());
    let acme = Tenant::with_clerk(store.server(), &old);
    let link = format!(
        "UPDATE organizations SET clerk_organization_id = '{new}' WHERE clerk_organization_id = '{old}'"
    );
    let before = acme.list().len();
    let relink = || acme.server.installation().change_row(&link);
    let answer = hold(&acme, &Session::admin(&old).sign(), relink);
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert_eq!(acme.list().len(), before);
    assert_eq!(hold(&acme, &Session::admin(&new).sign(), || {}).status, 201);
}
