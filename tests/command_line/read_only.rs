//! A server that writes nothing goes on verifying and listing.

use std::{fs, sync::Arc, time::Duration};

use capykeys_tests::{
    Installation, Server, Store, Tables, Tenant,
    clerk::{self, Session},
    on_every_store, secrets, wait,
};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(20);

on_every_store![
    tables:
    everything_that_reads_goes_on_and_nothing_is_written_until_it_ends,
    a_server_that_starts_and_stops_so_writes_nothing,
    a_server_with_a_new_pepper_is_not_ready_and_rehashes_nothing;
    embedded: no_first_key_is_made,
];

/// What is kept for good.
fn kept(installation: &Installation) -> Vec<Vec<String>> {
    ["organizations", "api_keys", "audit_events", "peppers"].map(|table| installation.rows(table)).into()
}

fn is_on(server: &Server) -> bool {
    let metrics = server.call_internal(Method::GET, "/metrics").send();
    String::from_utf8(metrics.body).unwrap().contains("capykeys_read_only 1\n")
}

fn stop(server: &Server) {
    server.signal(Signal::TERM);
    assert!(server.wait_for_exit(LIMIT).success());
}

fn everything_that_reads_goes_on_and_nothing_is_written_until_it_ends(store: Store) {
    let installation = Installation::new(store).set("USAGE__FLUSH_INTERVAL", "50ms").with_file("");
    let (installation, at_clerk) = (Arc::new(installation), clerk::organization_id());
    let server = Server::start(&installation);
    let acme = Tenant::with_clerk(&server, &at_clerk);
    let (weak, used) = (acme.key_with(&["jobs:read"]), acme.key_with(&["jobs:read"]));
    // The first is written at once, the second counted.
    for _ in 0..2 {
        acme.listing(&weak.plaintext).send().error(403);
    }
    assert!(!is_on(&server));
    set(&server, true);
    server.says(LIMIT, "read-only: nothing is written from now on");
    let before = kept(&installation);
    assert_eq!(before[2].iter().filter(|event| event.contains("denied")).count(), 2, "{before:?}");

    for refused in [
        acme.creation(&acme.admin, &json!({"name": "n", "scopes": ["jobs:read"]})),
        acme.revocation(&acme.admin, weak.id()),
        acme.revocation(&weak.plaintext, weak.id()),
        acme.revocation(&acme.admin, "key_01h455vb4pex5vsknk084sn02q"),
        // A refusal that cannot be recorded is not given.
        acme.listing(&weak.plaintext),
        server.get("/v1/me").bearer(&Session::admin(&clerk::organization_id()).sign()),
    ] {
        let answer = refused.send();
        assert!(answer.error(503).contains("read-only"), "{answer:?}");
        assert_eq!(answer.header("retry-after"), Some("10"));
    }
    acme.creation("capy_live_none", &json!({})).send().error(401);
    for credential in [&acme.admin, &Session::admin(&at_clerk).sign()] {
        assert_eq!(acme.listing(credential).send().expect(200)["api_keys"].as_array().unwrap().len(), 3);
    }
    assert!(acme.accepts(&used.plaintext));
    assert_eq!(server.verify(&json!({"api_key": used.plaintext}))["valid"], true);
    assert_eq!(server.authorize("/", "", &used.plaintext).status, 200);
    server.get("/readyz").send().expect(200);
    assert!(is_on(&server));
    server.says(LIMIT, "uses of keys cannot be recorded: they are kept");
    let command = ["keys", "create", "--organization", &acme.id, "--name", "n", "--scope", "*"];
    assert!(installation.run(&command).expect_failure().contains("server.read_only"));
    assert_eq!(kept(&installation), before);

    set(&server, false);
    server.says(LIMIT, "no longer read-only");
    acme.revoke(weak.id());
    acme.key_with(&["jobs:read"]);
    acme.listing(&used.plaintext).send().error(403);
    wait::until("what was used meanwhile is recorded", LIMIT, || {
        acme.list().iter().any(|key| key["id"] == *used.id() && key["last_used_at"].is_string()).then_some(())
    });
    assert!(!is_on(&server));
}

/// Writes it into the server's file, which is read again.
fn set(server: &Server, is_on: bool) {
    let file = server.installation().directory().join("capykeys.toml");
    fs::write(file, format!("[server]\nread_only = {is_on}\n")).unwrap();
    server.signal(Signal::HUP);
}

fn a_server_that_starts_and_stops_so_writes_nothing(store: Store) {
    let installation = Arc::new(Installation::new(store));
    let server = Server::start(&installation);
    let acme = Tenant::new(&server);
    stop(&server);
    let long_ago = match store.tables().unwrap() {
        Tables::Sqlite(()) => "0",
        Tables::Postgresql(()) => "'1970-01-01T00:00:00Z'",
    };
    installation.change_row(&format!("UPDATE audit_events SET at = {long_ago} WHERE sequence = 1"));
    let before = kept(&installation);

    let so = installation.beside().set("SERVER__READ_ONLY", "true").set("AUDIT__KEEP", "30d");
    let server = Server::start(&Arc::new(so));
    server.says(LIMIT, "old events could not be taken out of the audit log");
    let acme = Tenant { server: &server, ..acme.clone() };
    assert!(acme.accepts(&acme.admin) && is_on(&server));
    acme.creation(&acme.admin, &json!({"name": "n", "scopes": ["*"]})).send().error(503);
    stop(&server);
    server.says(LIMIT, "uses were not recorded in time");
    assert_eq!(kept(&installation), before);
}

fn a_server_with_a_new_pepper_is_not_ready_and_rehashes_nothing(store: Store) {
    let installation = Arc::new(Installation::new(store));
    let server = Server::start(&installation);
    let acme = Tenant::new(&server);
    stop(&server);
    let rotated = |read_only: &str| {
        let beside = installation.beside().set("SERVER__READ_ONLY", read_only);
        let beside = beside.set("USAGE__FLUSH_INTERVAL", "50ms").set("KEYS__PEPPER_ID", "2");
        let rotated = beside.set("KEYS__PEPPER", &"2".repeat(64));
        Server::start(&Arc::new(rotated.set("KEYS__OLDER_PEPPERS__1__SECRET", secrets::PEPPER)))
    };
    let before = kept(&installation);
    let server = rotated("true");
    server.says(LIMIT, "the pepper 2 is not recorded yet");
    server.get("/readyz").send().error(503);
    assert_eq!(kept(&installation), before);
    stop(&server);

    let server = rotated("false");
    server.says(LIMIT, r#""pepper":"2""#);
    stop(&server);
    let before = kept(&installation);
    let server = rotated("true");
    server.get("/readyz").send().expect(200);
    assert!(Tenant { server: &server, ..acme.clone() }.accepts(&acme.admin));
    server.says(LIMIT, "keys were not rehashed");
    assert_eq!(kept(&installation), before);
}

fn no_first_key_is_made(store: Store) {
    let installation = Arc::new(Installation::bare_on(store).set("SERVER__READ_ONLY", "true"));
    let server = Server::start(&installation);
    server.says(LIMIT, "read-only: nothing is written from now on");
    assert!(!server.stdout.text().contains(secrets::KEY_PREFIX));
    stop(&server);
    assert_eq!(installation.json(&["organizations", "list"])["organizations"], json!([]));
}
