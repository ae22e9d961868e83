//! Two servers on one database, replaced one by one under load.

use std::time::{Duration, Instant};

use capykeys_testkit::shared;
use capykeys_tests::{Created, Server, Tenant, wait};
use serde_json::json;

use crate::{
    load::{Load, Report},
    stand::{Stand, commands, programs},
};

/// What the next release may do to the database beneath today's program.
const LATER: &str = "INSERT INTO capykeys_schema (version, name, checksum, oldest_schema) \
    VALUES (1000, 'later', '1', (SELECT max(version) FROM refinery_schema_history))";
/// What none may that comes before the release after it: recorded as the runner does.
const TOO_EARLY: &str = "INSERT INTO capykeys_schema (version, name, checksum, oldest_schema) \
        VALUES (1001, 'later', '1', 1000); \
    INSERT INTO refinery_schema_history VALUES (1001, 'later', '2030-01-01T00:00:00Z', '1')";

#[test]
#[ignore = "needs the last release's program: `make upgrades`"]
fn programs_are_replaced_and_replaced_back_under_load_and_no_request_fails() {
    let ([old, new], begin) = (programs(), Instant::now());
    let database = shared().create_database();
    let url = shared().url(&database);
    let (before, today) = (commands(&old, &url), commands(&new, &url));
    let _ = before.run(&["migrate"]).expect_success();
    let mut stand = Stand::new(&old, &url);
    let load = Load::start(&stand);
    load.go_on();

    let _ = today.run(&["migrate"]).expect_success();
    load.go_on();
    stand.replace(0, &new);
    load.go_on();
    keys_are_disabled_beside_the_last_release(&stand);
    let rotated = a_key_is_rotated_beside_the_last_release(&stand);
    stand.replace(1, &new);
    for secret in &rotated {
        assert!(
            stand.servers.iter().all(|server| is_good(server, secret)),
            "a rotation did not outlive an upgrade"
        );
    }
    load.go_on();
    shared().execute(&database, LATER);
    load.go_on();
    for commands in [&today, &before] {
        let _ = commands.run(&["migrate"]).expect_success();
    }
    // By now this is the older one.
    stand.replace(0, &new);
    for number in 0..2 {
        load.go_on();
        stand.replace(number, &old);
    }
    load.go_on();

    let Report { requests, refusals, failures } = load.end();
    let failed = failures.len();
    println!(
        "upgrade and back in {:.0?}: {requests} requests, {failed} failed; {refusals} refusals after DELETE",
        begin.elapsed()
    );
    assert!(failures.is_empty(), "{failures:#?}");
}

/// By the first server, while the other is of the last release, which has no word for it.
fn keys_are_disabled_beside_the_last_release(stand: &Stand) {
    let acme = Tenant::new(&stand.servers[0]);
    let key = acme.key_with(&["jobs:read"]);
    let question = json!({"api_key": key.plaintext});
    let are = |good: bool| stand.servers.iter().all(|server| server.verify(&question)["valid"] == good);
    for _ in 0..2 {
        // That one may remember for a while that there was no such key.
        wait::until("the key is good", Duration::from_mins(1), || are(true).then_some(()));
        acme.disabling(&acme.admin, key.id()).send().expect(200);
        assert!(are(false), "a disabled key is good");
        acme.enabling(&acme.admin, key.id()).send().expect(200);
    }
    acme.disabling(&acme.admin, key.id()).send().expect(200);
    // Revoked by the other, it is not enabled again.
    let there = Tenant { server: &stand.servers[1], ..acme };
    there.revoke(key.id());
    let acme = Tenant { server: &stand.servers[0], ..there };
    acme.enabling(&acme.admin, key.id()).send().error(409);
    assert!(are(false), "a revoked key is good");
}

/// By the first server: the other refuses the secret that it does not know, and neither takes one that is ended. Gives the two
/// secrets of a key whose grace goes on.
fn a_key_is_rotated_beside_the_last_release(stand: &Stand) -> [String; 2] {
    let acme = Tenant::new(&stand.servers[0]);
    let [today, before] = &stand.servers;
    let rotate = |key: &Created| {
        wait::until("the key is good", Duration::from_mins(1), || {
            stand.servers.iter().all(|server| is_good(server, &key.plaintext)).then_some(())
        });
        Created::from_body(&acme.rotation(&acme.admin, key.id()).send().expect(200))
    };
    let (old, goes_on) = (acme.key_with(&["jobs:read"]), acme.key_with(&["jobs:read"]));
    let new = rotate(&old);
    assert!(is_good(today, &old.plaintext) && !is_good(before, &old.plaintext));
    assert!(stand.servers.iter().all(|server| is_good(server, &new.plaintext)));
    acme.finishing(&acme.admin, old.id()).send().expect(200);
    assert!(!stand.servers.iter().any(|server| is_good(server, &old.plaintext)));
    let newest = rotate(&new);
    // It does not know of the second secret, which goes with the key all the same.
    Tenant { server: before, ..acme.clone() }.revoke(old.id());
    for secret in [&new, &newest] {
        assert!(
            !stand.servers.iter().any(|server| is_good(server, &secret.plaintext)),
            "a revoked key is good"
        );
    }
    let rotated = rotate(&goes_on);
    [goes_on.plaintext, rotated.plaintext]
}

fn is_good(server: &Server, secret: &str) -> bool {
    server.verify(&json!({"api_key": secret}))["valid"] == true
}

#[test]
#[ignore = "needs the last release's program: `make upgrades`"]
fn neither_program_works_on_a_schema_that_does_not_allow_for_it() {
    let database = shared().create_database();
    let url = shared().url(&database);
    let [old, new] = programs();
    let _ = commands(&new, &url).run(&["migrate"]).expect_success();
    shared().execute(&database, TOO_EARLY);
    for program in [new, old] {
        let commands = commands(&program, &url);
        let refused = commands.run_briefly(&["serve"]);
        assert!(refused.expect_failure().contains("newer than this program"), "{}", refused.stderr);
        let _ = commands.run_briefly(&["migrate"]).expect_failure();
    }
}
