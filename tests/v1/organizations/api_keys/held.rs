//! Requests that were let through and are then held open: what happens meanwhile still counts.

use std::{thread, time::Duration};

use capykeys_tests::{Answer, Store, Tenant, on_both_stores, raw::Raw};

on_both_stores![
    a_key_that_is_revoked_while_its_request_is_held_creates_nothing,
    an_organization_that_is_suspended_while_a_request_is_held_gets_no_key,
];

const BODY: &str = r#"{"name":"held","scopes":["jobs:read"]}"#;

/// Asks for a key, and does `meanwhile` before the last byte of the body.
fn hold(acme: &Tenant<'_>, credential: &str, meanwhile: impl FnOnce()) -> Answer {
    let mut connection = Raw::connect(acme.server);
    connection.send(format!(
        "POST {} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {credential}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        acme.keys_path(),
        BODY.len()
    ));
    connection.send(&BODY[..BODY.len() - 1]);
    // Nothing tells from outside that the caller was let through; too short a wait only makes the
    // test easier to pass.
    thread::sleep(Duration::from_millis(300));
    meanwhile();
    connection.send(&BODY[BODY.len() - 1..]);
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

fn an_organization_that_is_suspended_while_a_request_is_held_gets_no_key(store: Store) {
    let acme = store.tenant();
    let installation = acme.server.installation();
    let before = acme.list().len();
    let suspend = || drop(installation.run(&["organizations", "suspend", &acme.id]).expect_success());
    hold(&acme, &acme.admin, suspend).error(403);
    let _ = installation.run(&["organizations", "resume", &acme.id]).expect_success();
    assert_eq!(acme.list().len(), before);
}
