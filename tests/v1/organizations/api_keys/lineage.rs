//! Which key a key was made with, and `DELETE …/api-keys/{keyID}?descendants=true`.

use capykeys_tests::{
    Answer, Created, Store, Tenant,
    clerk::{self, Session},
    on_every_store,
    tenant::keys_in,
};
use reqwest::Method;
use serde_json::{Value, json};

on_every_store![
    a_key_says_which_key_it_was_made_with,
    a_list_can_be_asked_for_what_was_made_with_a_key,
    a_key_falls_with_all_that_were_made_with_it,
    without_being_asked_to_it_leaves_them_alone,
    who_may_do_it,
    what_is_no_key_of_the_organization_is_not_found,
];

/// Made with that key.
fn made_with(acme: &Tenant<'_>, maker: &str, scopes: &[&str]) -> Created {
    let body = json!({ "name": "made", "scopes": scopes });
    Created::from_body(&acme.creation(maker, &body).send().expect(201))
}

fn revoke(acme: &Tenant<'_>, credential: &str, id: &str, query: &str) -> Answer {
    acme.server.call(Method::DELETE, &format!("{}?{query}", acme.key_path(id))).bearer(credential).send()
}

fn a_key_says_which_key_it_was_made_with(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let root = made_with(&acme, &Session::admin(&at_clerk).sign(), &["*"]);
    assert_eq!(root.key.get("created_by_key_id"), None);
    let child = made_with(&acme, &root.plaintext, &["*"]);
    assert_eq!(child.key["created_by_key_id"], root.id());
    let listed = acme.stored().into_iter().find(|key| key["id"] == child.id());
    assert_eq!(listed, Some(child.key));
    let by_operator = acme.stored().into_iter().find(|key| key["id"] == acme.admin_id.as_str()).unwrap();
    assert_eq!(by_operator.get("created_by_key_id"), None);
}

fn a_list_can_be_asked_for_what_was_made_with_a_key(store: Store) {
    let acme = store.tenant();
    let root = acme.key_with(&["*"]);
    let children: Vec<Created> = (0..3).map(|_| made_with(&acme, &root.plaintext, &["*"])).collect();
    let grandchild = made_with(&acme, &children[0].plaintext, &["jobs:read"]);
    let made_by = |id: &str| {
        let path = format!("{}?limit=10&created_by={id}", acme.keys_path());
        let keys = keys_in(&acme.server.get(&path).bearer(&acme.admin).send());
        keys.iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(made_by(root.id()), children.iter().rev().map(Created::id).collect::<Vec<_>>());
    assert_eq!(made_by(children[0].id()), [grandchild.id()]);
    assert_eq!(made_by(grandchild.id()), [""; 0]);
    let body = json!({ "filter": { "created_by": root.id() } });
    let revoked = acme.revoking(&acme.admin, &body).send().expect(200);
    assert_eq!(revoked["revoked"], 3);
    assert!(acme.accepts(&root.plaintext) && acme.accepts(&grandchild.plaintext));
}

fn a_key_falls_with_all_that_were_made_with_it(store: Store) {
    let acme = store.tenant();
    let root = acme.key_with(&["*"]);
    let child = made_with(&acme, &root.plaintext, &["*"]);
    let grandchild = made_with(&acme, &child.plaintext, &["jobs:read"]);
    let sibling = acme.key_with(&["jobs:read"]);
    for key in [&root, &child, &grandchild, &sibling] {
        assert!(acme.accepts(&key.plaintext));
    }
    let all = |n: i32| json!({ "revoked": true, "revoked_descendants": n, "more": false });
    assert_eq!(revoke(&acme, &acme.admin, root.id(), "descendants=true").expect(200), all(2));
    for key in [&root, &child, &grandchild] {
        assert!(!acme.accepts(&key.plaintext));
    }
    assert!(acme.accepts(&sibling.plaintext) && acme.accepts(&acme.admin));
    let before = acme.stored();
    assert_eq!(revoke(&acme, &acme.admin, root.id(), "descendants=true").expect(200), all(0));
    assert_eq!(acme.stored(), before);
}

fn without_being_asked_to_it_leaves_them_alone(store: Store) {
    let acme = store.tenant();
    for query in ["", "descendants=", "descendants=false", "other=true"] {
        let root = acme.key_with(&["*"]);
        let child = made_with(&acme, &root.plaintext, &["jobs:read"]);
        let answer = revoke(&acme, &acme.admin, root.id(), query);
        assert_eq!(answer.expect(200), json!({ "revoked": true }));
        assert!(!acme.accepts(&root.plaintext) && acme.accepts(&child.plaintext));
    }
    let root = acme.key_with(&["*"]);
    for query in ["descendants=yes", "descendants=1", "descendants=TRUE", "descendants=true&descendants=true"]
    {
        let sentence = revoke(&acme, &acme.admin, root.id(), query).error(400);
        assert!(sentence.starts_with("`descendants` must "), "{sentence}");
    }
    assert!(acme.accepts(&root.plaintext));
}

fn who_may_do_it(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let other = store.tenant();
    let reader = acme.key_with(&["api_keys:read"]);
    for (credential, id) in [
        (reader.plaintext.as_str(), acme.admin_id.as_str()),
        // It may revoke itself, and no others.
        (&reader.plaintext, reader.id()),
        (&other.admin, reader.id()),
        (&Session::member(&at_clerk).sign(), reader.id()),
    ] {
        revoke(&acme, credential, id, "descendants=true").error(403);
    }
    assert!(acme.accepts(&reader.plaintext));
    let writer = acme.key_with(&["api_keys:write", "jobs:read"]);
    let child = made_with(&acme, &writer.plaintext, &["jobs:read"]);
    let answer = revoke(&acme, &writer.plaintext, writer.id(), "descendants=true").expect(200);
    assert_eq!(answer["revoked_descendants"], 1);
    assert!(!acme.accepts(&writer.plaintext) && !acme.accepts(&child.plaintext));
}

fn what_is_no_key_of_the_organization_is_not_found(store: Store) {
    let (acme, other) = (store.tenant(), store.tenant());
    let bodies: Vec<Value> = ["key_01h455vb4pex5vsknk084sn02q", other.admin_id.as_str(), "x"]
        .into_iter()
        .map(|id| {
            let answer = revoke(&acme, &acme.admin, id, "descendants=true");
            answer.error(404);
            answer.json()
        })
        .collect();
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(other.accepts(&other.admin));
}
