//! `GET /v1/organizations/{orgID}/api-keys`.

use std::{thread, time::Duration};

use capykeys_tests::{Store, clock, on_every_store, tenant::keys_in};
use serde_json::json;

on_every_store![
    the_newest_key_comes_first_and_none_is_left_out,
    revoked_and_expired_keys_are_listed,
    an_organization_sees_its_own_keys_alone,
    no_list_shows_a_secret,
    three_thousand_keys_are_listed_completely_without_a_limit,
];

fn the_newest_key_comes_first_and_none_is_left_out(store: Store) {
    let acme = store.tenant();
    let mut expected = vec![json!(acme.admin_id)];
    for _ in 0..30 {
        expected.insert(0, acme.key_with(&["jobs:read"]).key["id"].clone());
    }
    let listed: Vec<_> = acme.list().iter().map(|key| key["id"].clone()).collect();
    assert_eq!(listed, expected);
    let times: Vec<_> =
        acme.list().iter().map(|key| clock::parse(key["created_at"].as_str().unwrap())).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older));
}

fn revoked_and_expired_keys_are_listed(store: Store) {
    let acme = store.tenant();
    let revoked = acme.key_with(&["jobs:read"]);
    acme.revoke(revoked.id());
    let expires_at = clock::ahead(Duration::from_millis(300));
    let expired = acme.create(&json!({"name": "e", "scopes": ["jobs:read"], "expires_at": expires_at}));
    capykeys_tests::wait::until("the key expires", Duration::from_secs(10), || {
        (acme.list()[0]["is_active"] == false).then_some(())
    });
    let listed = acme.list();
    assert_eq!(listed[0]["id"], expired.id());
    assert_eq!(listed[0].get("revoked_at"), None);
    assert_eq!(listed[1]["id"], revoked.id());
    assert_eq!(listed[1]["is_active"], false);
    clock::parse(listed[1]["revoked_at"].as_str().unwrap());
    assert_eq!(listed[2]["is_active"], true);
}

fn an_organization_sees_its_own_keys_alone(store: Store) {
    let (acme, other) = (store.tenant(), store.tenant());
    other.key_with(&["jobs:read"]);
    let listed = acme.list();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["organization_id"], acme.id.as_str());
}

fn no_list_shows_a_secret(store: Store) {
    let acme = store.tenant();
    let created = acme.key_with(&["jobs:read"]);
    let body = String::from_utf8(acme.listing(&acme.admin).send().body).unwrap();
    assert!(!body.contains(&created.plaintext) && !body.contains(&acme.admin));
    assert!(!body.contains(&created.plaintext[14..]), "the list shows more than the prefix");
    assert!(!body.contains("digest") && !body.contains("hash"));
}

fn three_thousand_keys_are_listed_completely_without_a_limit(store: Store) {
    const KEYS: usize = 3_000;
    const CALLERS: usize = 10;
    let acme = store.tenant();
    let mut expected: Vec<String> = thread::scope(|scope| {
        let create = || (0..KEYS / CALLERS).map(|_| acme.key_with(&["jobs:read"]).id().to_owned()).collect();
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(create)).collect();
        callers.into_iter().flat_map(|caller| -> Vec<String> { caller.join().unwrap() }).collect()
    });
    expected.push(acme.admin_id.clone());
    expected.sort_unstable_by(|a, b| b.cmp(a));
    let answer = acme.listing(&acme.admin).send();
    assert_eq!(answer.header("link"), None);
    let listed: Vec<_> = keys_in(&answer).iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed.len(), expected.len());
    assert_eq!(listed, expected);
}
