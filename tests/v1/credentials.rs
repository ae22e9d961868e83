//! What is accepted as a credential, and that a refusal tells nothing.

use std::time::Duration;

use capykeys_tests::{
    Call, Server, Store, Tenant, clock, on_every_store, raw,
    secrets::{self, checksum, unknown_key},
    wait,
};
use serde_json::json;

on_every_store![
    a_key_is_taken_from_either_header,
    both_headers_may_carry_the_same_key_and_not_different_ones,
    the_scheme_is_matched_without_regard_to_case,
    every_refused_credential_gets_the_same_answer,
    two_authorization_headers_are_refused,
    a_credential_in_a_query_or_a_cookie_is_not_read,
    an_expired_key_is_refused_and_listed,
    a_key_has_the_published_form,
];

fn me(server: &Server) -> Call<'_> {
    server.get("/v1/me")
}

fn a_key_is_taken_from_either_header(store: Store) {
    let acme = store.tenant();
    me(acme.server).bearer(&acme.admin).send().expect(200);
    me(acme.server).api_key(&acme.admin).send().expect(200);
}

fn both_headers_may_carry_the_same_key_and_not_different_ones(store: Store) {
    let acme = store.tenant();
    me(acme.server).bearer(&acme.admin).api_key(&acme.admin).send().expect(200);
    let other = acme.key_with(&["jobs:read"]);
    me(acme.server).bearer(&acme.admin).api_key(&other.plaintext).send().error(400);
    me(acme.server).bearer(&acme.admin).api_key("x").send().error(400);
}

/// RFC 9110, section 11.1.
fn the_scheme_is_matched_without_regard_to_case(store: Store) {
    let acme = store.tenant();
    for scheme in ["bearer", "BEARER", "Bearer"] {
        me(acme.server).header("authorization", format!("{scheme} {}", acme.admin)).send().expect(200);
    }
}

fn every_refused_credential_gets_the_same_answer(store: Store) {
    let acme = store.tenant();
    let revoked = acme.key_with(&["*"]);
    acme.revoke(revoked.id());
    let expected = me(acme.server).bearer(&revoked.plaintext).send();
    expected.error(401);

    for credential in refused_credentials(&acme) {
        for call in [
            me(acme.server).header("authorization", [b"Bearer ", &credential[..]].concat()),
            acme.server
                .get(&acme.keys_path())
                .header("authorization", [b"Bearer ", &credential[..]].concat()),
            me(acme.server).header("x-api-key", &credential),
        ] {
            let shown = String::from_utf8_lossy(&credential).into_owned();
            let answer = call.send();
            answer.error(401);
            assert_eq!(answer.body, expected.body, "{shown}");
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("Bearer "), "{shown}: {challenge}");
            assert!(challenge.contains("error=\"invalid_token\""), "{shown}: {challenge}");
        }
    }
}

/// None of them is a good key, each for another reason.
fn refused_credentials(acme: &Tenant<'_>) -> Vec<Vec<u8>> {
    let key = &acme.admin;
    let mut wrong_checksum = key.clone().into_bytes();
    let last = wrong_checksum.last_mut().unwrap();
    *last = if *last == b'0' { b'1' } else { b'0' };
    let other_prefix = format!("capy_test_{}", &key[10..42]);
    let texts = [
        unknown_key().to_owned(),
        format!("{other_prefix}{}", checksum(&other_prefix)),
        key.to_lowercase(),
        key.to_uppercase(),
        key[..key.len() - 1].to_owned(),
        format!("{key}0"),
        format!("{key}{key}"),
        format!("{key},{key}"),
        format!("\"{key}\""),
        "capy_live_".to_owned(),
        "x".to_owned(),
        "a.b.c".to_owned(),
        "..".to_owned(),
        "eyJhbGciOiJub25lIn0.e30.".to_owned(),
        "x".repeat(4_000),
    ];
    let mut credentials: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    credentials.push(wrong_checksum);
    credentials.push("clé".as_bytes().to_vec());
    credentials.push(vec![0xff, 0xfe]);
    credentials
}

fn two_authorization_headers_are_refused(store: Store) {
    let acme = store.tenant();
    let key = format!("Authorization: Bearer {}", acme.admin);
    for second in [key.as_str(), "Authorization: Basic YTpi", "Authorization: Bearer x"] {
        let answer = raw::request(acme.server, "GET /v1/me", &[&key, second], "");
        assert!(matches!(answer.status, 400 | 401), "{answer:?}");
    }
    let key = format!("X-API-Key: {}", acme.admin);
    let answer = raw::request(acme.server, "GET /v1/me", &[&key, "X-API-Key: x"], "");
    assert!(matches!(answer.status, 400 | 401), "{answer:?}");
}

fn a_credential_in_a_query_or_a_cookie_is_not_read(store: Store) {
    let acme = store.tenant();
    let names = ["access_token", "api_key", "key", "token"];
    for name in names {
        acme.server.get(&format!("/v1/me?{name}={}", acme.admin)).send().error(401);
        let cookie = format!("{name}={}; __session={}", acme.admin, acme.admin);
        me(acme.server).header("cookie", cookie).send().error(401);
    }
}

fn an_expired_key_is_refused_and_listed(store: Store) {
    let acme = store.tenant();
    let expires_at = clock::ahead(Duration::from_millis(1_500));
    let short = acme.create(&json!({"name": "short", "scopes": ["jobs:read"], "expires_at": expires_at}));
    assert_eq!(short.key["is_active"], true);
    wait::until("the key expires", Duration::from_secs(10), || {
        (!acme.accepts(&short.plaintext)).then_some(())
    });
    assert!(clock::now() >= clock::parse(short.key["expires_at"].as_str().unwrap()), "refused too early");
    let listed = &acme.list()[0];
    assert_eq!(listed["id"], short.id());
    assert_eq!(listed["is_active"], false);
    assert_eq!(listed.get("revoked_at"), None);
}

fn a_key_has_the_published_form(store: Store) {
    let acme = store.tenant();
    let created = acme.key_with(&["jobs:read"]);
    let (body, check) = created.plaintext.split_at(42);
    assert!(body.starts_with(secrets::KEY_PREFIX));
    assert_eq!(check.len(), 6);
    assert_eq!(check, checksum(body));
    assert!(created.plaintext[10..].bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(created.key["key_prefix"], created.plaintext[..14]);
}
