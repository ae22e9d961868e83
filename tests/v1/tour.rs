//! What every user does first.

use capykeys_tests::{Created, Store, on_every_store};
use serde_json::json;

on_every_store![
    a_key_is_created_used_revoked_and_refused,
    a_key_is_good_from_its_answer_on_until_the_answer_to_its_revocation,
    the_probes_answer,
];

fn a_key_is_created_used_revoked_and_refused(store: Store) {
    let acme = store.tenant();
    let server = acme.server;

    let me = server.get("/v1/me").bearer(&acme.admin).send().expect(200);
    assert_eq!(me["organization"]["id"], acme.id.as_str());

    let body = json!({"name": "CI", "scopes": ["api_keys:read", "jobs:read"]});
    let created = Created::from_body(&acme.creation(&acme.admin, &body).send().expect(201));
    assert_eq!(created.key["name"], "CI");
    assert_eq!(created.key["is_active"], true);

    let listed = acme.list();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0], created.key);

    assert_eq!(acme.listing(&created.plaintext).send().expect(200)["api_keys"][0]["id"], created.id());
    assert_eq!(acme.revocation(&acme.admin, created.id()).send().expect(200), json!({"revoked": true}));
    acme.listing(&created.plaintext).send().error(401);

    let listed = acme.list();
    assert_eq!(listed[0]["is_active"], false);
    assert!(listed[0]["revoked_at"].is_string());
}

fn a_key_is_good_from_its_answer_on_until_the_answer_to_its_revocation(store: Store) {
    let acme = store.tenant();
    for _ in 0..20 {
        let created = acme.key_with(&["jobs:read"]);
        assert!(acme.accepts(&created.plaintext), "refused right after its creation");
        acme.revoke(created.id());
        assert!(!acme.accepts(&created.plaintext), "accepted right after its revocation");
    }
}

fn the_probes_answer(store: Store) {
    for path in ["/livez", "/readyz"] {
        assert_eq!(store.server().get(path).send().status, 200, "{path}");
    }
}
