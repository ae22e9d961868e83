//! `DELETE /v1/organizations/{orgID}/api-keys/{keyID}`.

use std::{sync::Barrier, thread};

use capykeys_tests::{Created, Store, on_every_store};
use serde_json::json;

on_every_store![
    revoking_again_changes_nothing,
    what_is_no_key_of_the_organization_is_not_found_with_one_answer,
    revoking_a_key_leaves_the_keys_that_it_created_alone,
    a_key_can_revoke_itself,
    ten_at_once_agree,
    a_body_is_not_needed_and_not_minded,
];

fn revoking_again_changes_nothing(store: Store) {
    let acme = store.tenant();
    let created = acme.key_with(&["jobs:read"]);
    acme.revoke(created.id());
    let first = acme.stored();
    acme.revoke(created.id());
    assert_eq!(acme.stored(), first);
}

fn what_is_no_key_of_the_organization_is_not_found_with_one_answer(store: Store) {
    let (acme, other) = (store.tenant(), store.tenant());
    let unknown = acme.revocation(&acme.admin, "key_01h455vb4pex5vsknk084sn02q").send();
    unknown.error(404);
    let long = format!("key_{}", "0".repeat(10_000));
    for id in [
        other.admin_id.as_str(),
        "key_",
        "key_x",
        "x",
        &acme.id,
        &acme.admin_id.to_uppercase(),
        &acme.admin_id[4..],
        &format!("{}0", acme.admin_id),
        "%F0%9F%94%91",
        "%00",
        "%ff",
        &format!("{}%00", acme.admin_id),
        &format!("{}%20", acme.admin_id),
        &long,
    ] {
        let answer = acme.revocation(&acme.admin, id).send();
        answer.error(404);
        assert_eq!(answer.body, unknown.body, "{id:.60}");
    }
    assert!(other.accepts(&other.admin));
}

fn revoking_a_key_leaves_the_keys_that_it_created_alone(store: Store) {
    let acme = store.tenant();
    let parent = acme.key_with(&["*"]);
    let body = json!({"name": "child", "scopes": ["*"]});
    let child = Created::from_body(&acme.creation(&parent.plaintext, &body).send().expect(201));
    acme.revoke(parent.id());
    assert!(!acme.accepts(&parent.plaintext));
    assert!(acme.accepts(&child.plaintext));
}

fn a_key_can_revoke_itself(store: Store) {
    let acme = store.tenant();
    let created = acme.key_with(&["api_keys:write"]);
    acme.revocation(&created.plaintext, created.id()).send().expect(200);
    acme.revocation(&created.plaintext, created.id()).send().error(401);
}

fn ten_at_once_agree(store: Store) {
    let acme = store.tenant();
    let created = acme.key_with(&["jobs:read"]);
    let start = Barrier::new(10);
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                start.wait();
                acme.revoke(created.id());
            });
        }
    });
    let revoked_at = acme.list()[0]["revoked_at"].clone();
    acme.revoke(created.id());
    assert_eq!(acme.list()[0]["revoked_at"], revoked_at);
}

fn a_body_is_not_needed_and_not_minded(store: Store) {
    let acme = store.tenant();
    for body in ["{}", "", "not json"] {
        let created = acme.key_with(&["jobs:read"]);
        acme.revocation(&acme.admin, created.id()).json_text(body).send().expect(200);
    }
}
