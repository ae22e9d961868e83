//! What is logged: the same of every request, and no secret, whatever is asked and however much is logged.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use capykeys_tests::{
    Installation, Server, Store, Tenant,
    clerk::{self, Session},
    envoy::Check,
    on_every_store, raw, secrets,
};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Map, Value, json};

on_every_store![no_secret_is_logged_at_any_level];

const LIMIT: Duration = Duration::from_secs(20);

const OPERATIONS: &str = include_str!("../../docs/operations/telemetry.md");

/// The fields of the access log, and whether they are always there, as the documentation has them.
fn documented() -> impl Iterator<Item = (&'static str, bool)> {
    let (_, table) = OPERATIONS.split_once("| field | there | means |").expect("the table of fields");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let (field, rest) = row.trim_start_matches("| `").split_once("` | ").expect("a field");
        (field, rest.starts_with("always"))
    })
}

#[test]
fn every_listener_says_the_same_of_a_request_and_each_of_it_once() {
    let server = Server::start(&Arc::new(Installation::new(Store::first())));
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(&server, &at_clerk);
    let session = Session::admin(&at_clerk).sign();
    let line = |id: &str| {
        let line = server.log.wait_for(LIMIT, |line| {
            let fields: Map<String, Value> = serde_json::from_str(line).ok()?;
            let found = fields["target"] == "capykeys::access" && fields.get("request_id")? == id;
            found.then(|| {
                assert_eq!(line.matches(id).count(), 1, "{line}");
                fields
            })
        });
        let mut fields = line.expect("a line of the access log");
        for of_every_line in ["timestamp", "level", "message", "target"] {
            assert!(fields.remove(of_every_line).is_some(), "{of_every_line}");
        }
        fields.into_iter().map(|(field, _)| field).collect::<BTreeSet<_>>()
    };

    for (kind, credential, of_whom) in [
        ("key", acme.admin.as_str(), "key_id"),
        ("session", session.as_str(), "user_id"),
        ("nobody", "x", "reason"),
    ] {
        let id = |listener: &str| format!("{kind}-at-{listener}");
        server.get("/v1/me").header("x-request-id", id("public")).bearer(credential).send();
        let internal = server.call_internal(Method::GET, "/authorize/forward-auth");
        internal.header("x-request-id", id("internal")).bearer(credential).send();
        Check::of("/").header("x-request-id", &id("grpc")).bearer(credential).ask(&server);
        let public = line(&id("public"));
        assert!(public.contains(of_whom), "{kind}: {public:?}");
        assert_eq!(line(&id("internal")), public, "{kind}");
        assert_eq!(line(&id("grpc")), public, "{kind}");
        for (field, always) in documented().filter(|(_, always)| *always) {
            assert_eq!(public.contains(field), always, "{kind}: {field}");
        }
        let known: Vec<_> = documented().map(|(field, _)| field).collect();
        assert!(public.iter().all(|field| known.contains(&field.as_str())), "{kind}: {public:?}");
    }
    let refused = raw::exchange(&server, "no request\r\n\r\n");
    let refused = line(refused.header("x-request-id").expect("an id"));
    assert_eq!(refused, line("nobody-at-public"), "what never became a request");
}

fn no_secret_is_logged_at_any_level(store: Store) {
    let installation = Arc::new(Installation::new(store).set("LOG__LEVEL", "trace"));
    // So that there is no first key to be printed.
    installation.json(&["organizations", "create", "--name", "First"]);
    let server = Server::start(&installation);
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(&server, &at_clerk);

    let mut keys = good_requests(&acme);
    keys.push(acme.admin.clone());
    let tokens = sessions(&acme, &at_clerk);
    keys.extend(bad_requests(&acme, &keys[0]));

    server.signal(Signal::TERM);
    server.wait_for_exit(LIMIT);
    let log = server.log.to_end(LIMIT);
    assert!(log.lines().count() > 50, "the log was not collected");
    assert_eq!(server.stdout.to_end(LIMIT), "");
    server.assert_no_leak();
    for key in &keys {
        let digest = secrets::digest(key);
        assert!(!log.contains(key.as_str()), "a key is logged");
        assert!(!log.contains(&key[14..]), "the secret part of a key is logged");
        assert!(!log.to_lowercase().contains(&digest), "the digest of a key is logged");
    }
    for token in &tokens {
        for part in token.split('.').filter(|part| part.len() > 20) {
            assert!(!log.contains(part), "a part of a bearer token is logged");
        }
    }
    assert!(!log.to_lowercase().contains(secrets::PEPPER), "the pepper is logged");
    let pepper: Vec<String> = (0..32)
        .map(|at| u8::from_str_radix(&secrets::PEPPER[2 * at..2 * at + 2], 16).unwrap().to_string())
        .collect();
    assert!(!log.contains(&pepper[..8].join(", ")), "the pepper is logged as bytes");
}

/// Gives the keys that were used.
fn good_requests(acme: &Tenant<'_>) -> Vec<String> {
    let created: Vec<_> = (0..5).map(|_| acme.key_with(&["api_keys:read", "jobs:read"])).collect();
    for key in &created {
        acme.listing(&key.plaintext).send().expect(200);
        acme.server.get("/v1/me").api_key(&key.plaintext).send().expect(200);
    }
    acme.revoke(created[0].id());
    assert!(!acme.accepts(&created[0].plaintext));
    acme.creation(&created[1].plaintext, &json!({"name": "n", "scopes": ["*"]})).send().error(403);
    let own = format!("sk_live_{}_4eC39HqLyjWDarjtT1zdp7dc", acme.id);
    acme.server.get("/v1/me").bearer(&own).send().error(401);
    acme.bring(&own, &["jobs:read"]);
    acme.server.get("/v1/me").bearer(&own).send().expect(200);
    let unknown = own.replace("4eC", "5fD");
    acme.server.get("/v1/me").api_key(&unknown).send().error(401);
    let hashes = [&own, &unknown].map(|secret| secrets::brought_digest(secret)["sha256:".len()..].to_owned());
    created.into_iter().map(|key| key.plaintext).chain(hashes).chain([own, unknown]).collect()
}

/// Gives the tokens that were used.
fn sessions(acme: &Tenant<'_>, at_clerk: &str) -> Vec<String> {
    let good = [Session::admin(at_clerk).sign(), Session::member(at_clerk).sign(), Session::new().sign()];
    for token in &good {
        acme.server.get("/v1/me").bearer(token).send().expect(200);
        acme.listing(token).send();
    }
    let session = Session::admin(at_clerk);
    let bad = [
        session.sign_with_another_key(),
        session.clone().pending().sign(),
        session.clone().claim("iss", json!("https://elsewhere.example")).sign(),
        session.clone().claim("exp", json!(1)).sign(),
        session.claim("o", json!("nonsense")).sign(),
    ];
    for token in &bad {
        acme.server.get("/v1/me").bearer(token).send();
    }
    [&good[..], &bad].concat()
}

/// Puts secrets where they do not belong; gives those that were made up.
fn bad_requests(acme: &Tenant<'_>, key: &str) -> Vec<String> {
    let server = acme.server;
    let unknown = secrets::unknown_key().to_owned();
    acme.listing(&unknown).send().error(401);
    acme.listing(&key.to_lowercase()).send().error(401);
    server.get(&format!("/v1/me?api_key={key}")).send();
    server.get(&format!("/v1/{key}")).send();
    server.get(&format!("/v1/organizations/{key}/api-keys")).bearer(&acme.admin).send();
    server.delete(&acme.key_path(key)).bearer(&acme.admin).send();
    server.get(&format!("{}?cursor={key}&limit={key}", acme.keys_path())).bearer(&acme.admin).send();
    server.get("/livez").header("user-agent", key).header("referer", key).header("cookie", key).send();
    server.call(Method::from_bytes(b"PURGE").unwrap(), "/v1/me").bearer(key).send();
    for body in [
        json!({"name": format!("{key}\n"), "scopes": ["jobs:read"]}),
        json!({"name": "n", "scopes": [key]}),
        json!({"name": "n", "scopes": key}),
        json!({"name": "n", "scopes": ["jobs:read"], "expires_at": key}),
        json!({"name": "n", "scopes": ["jobs:read"], "project_id": format!("{key}{key}")}),
        json!({key: key, "name": 7}),
    ] {
        acme.creation(&acme.admin, &body).send().error(400);
    }
    raw::request(server, "GET /v1/me", &[&format!("Authorization: Basic {key}")], "");
    raw::request(server, "GET /v1/me", &[&format!("Authorization {key}")], "");
    raw::exchange(server, format!("{key} /v1/me {key}\r\n\r\n"));
    vec![unknown]
}
