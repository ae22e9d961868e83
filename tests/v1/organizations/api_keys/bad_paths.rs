//! Paths that name no organization or no key.

use capykeys_tests::{Store, on_every_store, raw};
use serde_json::json;

on_every_store![
    every_organization_that_is_not_the_callers_is_refused_with_one_answer,
    paths_that_lead_nowhere_are_not_found,
    paths_that_climb_reach_nothing,
];

fn every_organization_that_is_not_the_callers_is_refused_with_one_answer(store: Store) {
    let (acme, other) = (store.tenant(), store.tenant());
    let expected = acme.server.get(&other.keys_path()).bearer(&acme.admin).send();
    expected.error(403);
    let long = format!("org_{}", "0".repeat(10_000));
    let ids = [
        other.id.clone(),
        "org_01h455vb4pex5vsknk084sn02q".to_owned(),
        "org_".to_owned(),
        "x".to_owned(),
        acme.id.to_uppercase(),
        format!("{}%00", acme.id),
        format!("{}%20", acme.id),
        format!("%20{}", acme.id),
        acme.id[4..].to_owned(),
        acme.admin_id.clone(),
        "%00".to_owned(),
        "%ff".to_owned(),
        "%F0%9F%94%91".to_owned(),
        "a%2Fb".to_owned(),
        format!("{}%2Fapi-keys", acme.id),
        long,
    ];
    for id in ids {
        let path = format!("/v1/organizations/{id}/api-keys");
        let key_path = format!("{path}/{}", other.admin_id);
        let answers = [
            acme.server.get(&format!("/v1/organizations/{id}")).bearer(&acme.admin).send(),
            acme.server.get(&path).bearer(&acme.admin).send(),
            acme.server.post(&path).bearer(&acme.admin).json(&json!({"name": ""})).send(),
            acme.server.post(&path).bearer(&acme.admin).json(&json!({"name": "n", "scopes": ["*"]})).send(),
            acme.server.delete(&key_path).bearer(&acme.admin).send(),
        ];
        for answer in answers {
            answer.error(403);
            assert_eq!(answer.body, expected.body, "{id:.60}");
        }
        acme.server.get(&path).send().error(401);
    }
    assert_eq!(other.list().len(), 1);
}

fn paths_that_lead_nowhere_are_not_found(store: Store) {
    let acme = store.tenant();
    for path in [
        "/".to_owned(),
        "/v1".to_owned(),
        "/v1/".to_owned(),
        "/v2/me".to_owned(),
        "/v1/ME".to_owned(),
        "/v1/me/".to_owned(),
        "/v1//me".to_owned(),
        "/v1/organizations".to_owned(),
        format!("/v1/organizations/{}/", acme.id),
        format!("/v1/organizations/{}/api-keys/", acme.id),
        format!("/v1/organizations/{}/api_keys", acme.id),
        format!("{}/more", acme.key_path(&acme.admin_id)),
        "/favicon.ico".to_owned(),
        "/%".to_owned(),
        "/%zz".to_owned(),
    ] {
        let answer = acme.server.get(&path).bearer(&acme.admin).send();
        answer.error(404);
    }
}

fn paths_that_climb_reach_nothing(store: Store) {
    let acme = store.tenant();
    let credential = format!("Authorization: Bearer {}", acme.admin);
    for (method, path) in [
        ("GET", "/v1/../v1/me".to_owned()),
        ("GET", "/v1/organizations/../me".to_owned()),
        ("GET", "/v1/organizations/%2e%2e/me".to_owned()),
        ("GET", format!("/v1/organizations/x/../{}/api-keys", acme.id)),
        ("GET", format!("/v1/organizations/{}/x/../api-keys", acme.id)),
        ("GET", "/../../etc/passwd".to_owned()),
        ("DELETE", format!("{}/..", acme.key_path(&acme.admin_id))),
        ("DELETE", acme.key_path("..")),
        ("DELETE", acme.key_path(&format!("..%2F{}", acme.admin_id))),
        ("DELETE", acme.key_path(&format!("x/../{}", acme.admin_id))),
        ("DELETE", acme.key_path(&format!("{}%2F", acme.admin_id))),
    ] {
        let answer = raw::request(acme.server, &format!("{method} {path}"), &[&credential], "");
        answer.error(404);
    }
    assert!(acme.accepts(&acme.admin));
}
