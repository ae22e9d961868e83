//! `capykeys keys`: an operator works on the store, beside a running server and without one.

use std::time::Duration;

use capykeys_tests::{Created, Installation, Store, clock, on_every_store};
use serde_json::{Value, json};

on_every_store![
    keys_are_created_listed_and_revoked_without_a_server,
    what_an_operator_does_holds_on_the_running_server_at_once,
    many_keys_are_revoked_at_once_and_a_dry_run_revokes_none,
    every_option_of_creating_a_key_is_heeded,
    what_cannot_be_done_fails_with_one_line,
    no_text_of_a_key_or_organization_takes_a_secret,
];

fn organization(installation: &Installation) -> String {
    let organization = installation.json(&["organizations", "create", "--name", "Acme"]);
    organization["id"].as_str().unwrap().to_owned()
}

fn keys_are_created_listed_and_revoked_without_a_server(store: Store) {
    let installation = Installation::new(store);
    let id = organization(&installation);
    assert_eq!(installation.json(&["keys", "list", "--organization", &id]), json!({"api_keys": []}));
    let create = ["keys", "create", "--organization", &id, "--name", "CI", "--scope", "jobs:read"];
    let created = Created::from_body(&installation.json(&create));
    assert_eq!(created.key["source"], "operator");
    assert_eq!(created.key["organization_id"], id);
    let listed = installation.json(&["keys", "list", "--organization", &id]);
    assert_eq!(listed, json!({"api_keys": [created.key]}));
    let show = ["keys", "show", "--organization", &id, created.id()];
    assert_eq!(installation.json(&show), json!({"api_key": created.key}));
    let on_key = |words: &[&str]| {
        let command = [&["keys", words[0], "--organization", &id, created.id()], &words[1..]].concat();
        installation.json(&command)["api_key"].clone()
    };
    let disabled = on_key(&["disable", "--reason", "found"]);
    assert_eq!((&disabled["disabled_reason"], &disabled["is_active"]), (&json!("found"), &json!(true)));
    assert_eq!(on_key(&["enable"]), created.key);
    let rotate =
        ["keys", "rotate", "--organization", &id, created.id(), "--grace", "1h", "--finish-when-idle", "10m"];
    let rotated = Created::from_body(&installation.json(&rotate));
    assert_eq!(rotated.key["previous_key_prefix"], created.key["key_prefix"]);
    assert_eq!(rotated.key["key_prefix"], rotated.plaintext[..14]);
    installation.run(&rotate).expect_failure();
    let discarding = ["keys", "rotate", "--organization", &id, created.id(), "--discard-newest"];
    let newest = Created::from_body(&installation.json(&discarding));
    assert_eq!(newest.key["previous_expires_at"], rotated.key["previous_expires_at"]);
    let finished = on_key(&["finish"]);
    assert!(finished["previous_expires_at"].as_str() < newest.key["previous_expires_at"].as_str());
    let updated = on_key(&["update", "--name", "Other", "--scope", "schema:read", "--device-name", "laptop"]);
    assert_eq!((&updated["name"], &updated["scopes"]), (&json!("Other"), &json!(["schema:read"])));
    assert_eq!(updated["device_name"], "laptop");
    assert_eq!(on_key(&["update", "--no-device-name"]).get("device_name"), None);
    for _ in 0..2 {
        let revoke = ["keys", "revoke", "--organization", &id, created.id()];
        assert_eq!(installation.json(&revoke), json!({"revoked": true}));
    }
    let listed = installation.json(&["keys", "list", "--organization", &id]);
    assert_eq!(listed["api_keys"][0]["is_active"], false);
}

fn what_an_operator_does_holds_on_the_running_server_at_once(store: Store) {
    let acme = store.tenant();
    let commands = acme.server.installation();
    for _ in 0..5 {
        let create = ["keys", "create", "--organization", &acme.id, "--name", "n", "--scope", "jobs:read"];
        let created = Created::from_body(&commands.json(&create));
        assert_eq!(acme.list()[0], created.key);
        assert!(acme.accepts(&created.plaintext));
        commands.json(&["keys", "revoke", "--organization", &acme.id, created.id()]);
        assert!(!acme.accepts(&created.plaintext));
    }
}

fn many_keys_are_revoked_at_once_and_a_dry_run_revokes_none(store: Store) {
    let acme = store.tenant();
    let commands = acme.server.installation();
    let keys: Vec<Created> = (0..4).map(|_| acme.key_with(&["jobs:read"])).collect();
    let run =
        |words: &[&str]| commands.json(&[&["keys", "revoke", "--organization", &acme.id], words].concat());
    let rehearsed = run(&["--name", "key", "--status", "active", "--dry-run"]);
    assert_eq!((&rehearsed["revoked"], &rehearsed["dry_run"]), (&json!(4), &json!(true)));
    assert_eq!(run(&[keys[0].id(), "--dry-run"])["revoked"], 1);
    assert!(keys.iter().all(|key| acme.accepts(&key.plaintext)));
    let nobody = "key_01h455vb4pex5vsknk084sn02q";
    let named = [keys[0].id(), keys[1].id(), nobody];
    let named = [&["keys", "revoke", "--organization", &acme.id], &named[..]].concat();
    let named = commands.run(&named);
    assert!(named.expect_failure().contains("no key of 1 of the ids"), "{}", named.stderr);
    let named: Value = serde_json::from_str(&named.stdout).unwrap();
    assert_eq!((&named["revoked"], &named["not_found"]), (&json!(2), &json!([nobody])));
    assert_eq!(run(&["--scope", "jobs:read"])["revoked"], 2);
    assert!(!keys.iter().any(|key| acme.accepts(&key.plaintext)));
    assert!(acme.accepts(&acme.admin));
    for wrong in [&[][..], &["--dry-run"], &[keys[0].id(), "--name", "key"]] {
        let command = [&["keys", "revoke", "--organization", &acme.id], wrong].concat();
        commands.run(&command).expect_failure();
    }
}

fn every_option_of_creating_a_key_is_heeded(store: Store) {
    let installation = Installation::new(store);
    let id = organization(&installation);
    let expires_at = clock::ahead(Duration::from_hours(1));
    let key = &installation.json(&[
        "keys",
        "create",
        "--organization",
        &id,
        "--name",
        "🔑 \"n\"",
        "--scope",
        "jobs:read",
        "--scope",
        "backups:read",
        "--project-id",
        "p-1",
        "--expires-at",
        &expires_at,
        "--device-name",
        "laptop",
    ])["api_key"];
    assert_eq!(key["name"], "🔑 \"n\"");
    assert_eq!(key["scopes"], json!(["jobs:read", "backups:read"]));
    assert_eq!(key["project_id"], "p-1");
    assert_eq!(key["device_name"], "laptop");
    assert!(key["expires_at"].is_string());
    assert_eq!(
        installation.json(&["keys", "list", "--organization", &id])["api_keys"],
        Value::from(vec![key.clone()])
    );
}

fn what_cannot_be_done_fails_with_one_line(store: Store) {
    let installation = Installation::new(store);
    let id = organization(&installation);
    let nobody = "org_01h455vb4pex5vsknk084sn02q";
    let key = "key_01h455vb4pex5vsknk084sn02q";
    let create = ["keys", "create", "--name", "n", "--scope", "*", "--organization"];
    for command in [
        &[&create[..], &[nobody]].concat()[..],
        &[&create[..], &[&id, "--project-id", "p"]].concat(),
        &[&create[..], &[&id, "--scope", "*"]].concat(),
        &[&create[..], &[&id, "--expires-at", "1999-01-01T00:00:00Z"]].concat(),
        &["keys", "list", "--organization", nobody],
        &["keys", "show", "--organization", nobody, key],
        &["keys", "show", "--organization", &id, key],
        &["keys", "disable", "--organization", &id, key],
        &["keys", "enable", "--organization", &id, key],
        &["keys", "rotate", "--organization", &id, key],
        &["keys", "finish", "--organization", &id, key],
        &["keys", "update", "--organization", &id, key, "--name", "n"],
        &["keys", "revoke", "--organization", nobody, key],
        &["keys", "revoke", "--organization", &id, key],
        &["organizations", "suspend", nobody],
        &["organizations", "resume", nobody],
    ] {
        let output = installation.run(command);
        output.expect_failure();
        assert_eq!(output.stdout, "", "{command:?}");
    }
    assert_eq!(installation.json(&["keys", "list", "--organization", &id]), json!({"api_keys": []}));
}

/// "Found: " and the secret is what whoever disables a key would write, and everybody who may list keys could read it.
fn no_text_of_a_key_or_organization_takes_a_secret(store: Store) {
    let installation = Installation::new(store);
    let id = organization(&installation);
    let create = ["keys", "create", "--organization", &id, "--scope", "jobs:read"];
    let created = Created::from_body(&installation.json(&[&create[..], &["--name", "CI"]].concat()));
    let found = format!("found: {}", created.plaintext);
    let on_key = |word| ["keys", word, "--organization", &id, created.id()];
    for command in [
        [&create[..], &["--name", &found]].concat(),
        [&create[..], &["--name", "n", "--device-name", &found]].concat(),
        [&create[..], &["--name", "n", "--project-id", &created.plaintext]].concat(),
        [&on_key("update")[..], &["--name", &found]].concat(),
        [&on_key("update")[..], &["--device-name", &found]].concat(),
        [&on_key("disable")[..], &["--reason", &found]].concat(),
        vec!["organizations", "create", "--name", &found],
        vec!["organizations", "rename", &id, "--name", &found],
        vec!["organizations", "suspend", &id, "--reason", &found],
    ] {
        let output = installation.run(&command);
        assert!(output.expect_failure().contains("must not contain an API key"), "{}", output.stderr);
        assert!(!output.stderr.contains(&created.plaintext));
    }
    let listed = installation.json(&["keys", "list", "--organization", &id]);
    assert_eq!(listed, json!({"api_keys": [created.key]}));
}
