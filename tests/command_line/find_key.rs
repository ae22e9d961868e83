//! `capykeys keys list` with filters, `keys find` and `keys report`.

use std::{
    io::Write,
    process::{Output, Stdio},
    time::Duration,
};

use capykeys_tests::{Created, Installation, Store, clock, on_every_store, secrets, wait};
use serde_json::{Value, json};

on_every_store![
    the_list_is_filtered_as_the_api_does,
    a_key_is_found_by_its_secret_in_whichever_state,
    a_secret_that_was_replaced_is_found_and_called_so,
    a_secret_of_no_key_ends_with_a_code_of_its_own_and_is_not_repeated,
    a_key_of_a_pepper_that_is_not_configured_is_not_called_unknown,
    the_report_names_unused_and_endless_keys_of_one_organization_and_of_all,
];

fn organization(installation: &Installation, name: &str) -> String {
    let organization = installation.json(&["organizations", "create", "--name", name]);
    organization["id"].as_str().unwrap().to_owned()
}

fn key(installation: &Installation, organization: &str, name: &str, more: &[&str]) -> Created {
    let create = ["keys", "create", "--organization", organization, "--name", name, "--scope", "jobs:read"];
    Created::from_body(&installation.json(&[&create, more].concat()))
}

/// Runs `keys find` with this on its standard input.
fn find(installation: &Installation, input: &str) -> Output {
    let mut command = installation.command(&["keys", "find"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have read enough, and gone, before all was written.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn found(installation: &Installation, input: &str) -> Value {
    let output = find(installation, input);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(!stdout.contains(input.trim()) && !stderr.contains(input.trim()), "the secret is printed");
    serde_json::from_str(&stdout).unwrap()
}

fn the_list_is_filtered_as_the_api_does(store: Store) {
    let installation = Installation::new(store);
    let id = organization(&installation, "Acme");
    let hour = clock::ahead(Duration::from_hours(1));
    let ends = key(&installation, &id, "CI", &["--expires-at", &hour, "--project-id", "p1"]);
    let star = key(&installation, &id, "ci", &["--scope", "schema:read"]);
    let gone = key(&installation, &id, "gone", &[]);
    installation.json(&["keys", "revoke", "--organization", &id, gone.id()]);
    let list = |more: &[&str]| -> Vec<String> {
        let listed = installation.json(&[&["keys", "list", "--organization", &id], more].concat());
        let keys = listed["api_keys"].as_array().unwrap();
        keys.iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect()
    };
    let in_two_hours = clock::ahead(Duration::from_hours(2));
    assert_eq!(list(&["--status", "active"]), [star.id(), ends.id()]);
    assert_eq!(list(&["--status", "revoked"]), [gone.id()]);
    assert_eq!(list(&["--project-id", "p1"]), [ends.id()]);
    assert_eq!(list(&["--source", "operator", "--name", "c"]), [star.id()]);
    assert_eq!(list(&["--source", "api"]), [] as [&str; 0]);
    assert_eq!(list(&["--scope", "schema:read"]), [star.id()]);
    assert_eq!(list(&["--created-by", "user_1"]), [] as [&str; 0]);
    assert_eq!(list(&["--expires-before", &in_two_hours]), [ends.id()]);
    assert_eq!(list(&["--unused-since", &in_two_hours, "--status", "active", "--name", "C"]), [ends.id()]);
    let wrong = installation.run(&["keys", "list", "--organization", &id, "--status", "none"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("must be one of active, disabled, expired, revoked"), "{}", wrong.stderr);
}

fn a_key_is_found_by_its_secret_in_whichever_state(store: Store) {
    let acme = store.tenant();
    let installation = acme.server.installation();
    let one = acme.key_with(&["jobs:read"]);
    for input in
        [one.plaintext.clone(), format!("{}\n", one.plaintext), format!("  {}\r\nmore", one.plaintext)]
    {
        let output = find(installation, &input);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["state"], "active");
        assert_eq!(answer["api_key"], one.key, "to be found is no use");
        assert_eq!(answer["organization"]["id"], acme.id.as_str());
    }
    let state = || found(installation, &one.plaintext)["state"].as_str().unwrap().to_owned();
    acme.disabling(&acme.admin, one.id()).send().expect(200);
    assert_eq!(state(), "disabled");
    acme.enabling(&acme.admin, one.id()).send().expect(200);
    assert_eq!(state(), "active");
    installation.json(&["organizations", "suspend", &acme.id]);
    assert!(found(installation, &one.plaintext)["organization"]["suspended_at"].is_string());
    installation.json(&["organizations", "resume", &acme.id]);
    acme.revoke(one.id());
    let revoked = found(installation, &one.plaintext);
    assert_eq!(revoked["state"], "revoked");
    assert!(revoked["api_key"]["revoked_at"].is_string());
}

fn a_secret_that_was_replaced_is_found_and_called_so(store: Store) {
    let acme = store.tenant();
    let installation = acme.server.installation();
    let old = acme.key_with(&["jobs:read"]);
    assert_eq!(found(installation, &old.plaintext)["secret"], "present");
    let rotate = |grace: u64| {
        let body = json!({"grace_seconds": grace});
        Created::from_body(&acme.rotation(&acme.admin, old.id()).json(&body).send().expect(200))
    };
    let new = rotate(1);
    for (secret, called) in [(&old, "previous"), (&new, "present")] {
        let found = found(installation, &secret.plaintext);
        assert_eq!((&found["secret"], &found["api_key"]), (&json!(called), &new.key));
    }
    // Whoever has found it wants to know whether it is good, and not whether the key is.
    wait::until("the grace is over", Duration::from_mins(1), || {
        (found(installation, &old.plaintext)["state"] == "expired").then_some(())
    });
    assert_eq!(found(installation, &new.plaintext)["state"], "active");
    rotate(0);
    for gone in [&old, &new] {
        assert_eq!(find(installation, &gone.plaintext).status.code(), Some(3));
    }
}

fn a_secret_of_no_key_ends_with_a_code_of_its_own_and_is_not_repeated(store: Store) {
    let installation = Installation::new(store);
    let nobody = "capy_live_000000000000000000000000000000003UFVO5";
    let absent = find(&installation, nobody);
    let said = String::from_utf8_lossy(&absent.stderr);
    assert_eq!((absent.status.code(), absent.stdout.as_slice()), (Some(3), &b""[..]), "{said}");
    assert!(said.contains("error: there is no key with this secret"), "{said}");
    assert!(!said.contains("00000000"), "{said}");
    // What is none cannot be told from what was copied wrongly.
    for input in ["", "\n", "hush", &nobody[..47], &nobody.replace('5', "6"), &"hush".repeat(100_000)] {
        let output = find(&installation, input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{said}");
        assert!(said.contains("no key of this service") && !said.contains("hush"), "{said}");
        assert!(!said.contains("00000000"), "{said}");
    }
    let argument = installation.run(&["keys", "find", nobody]);
    assert_eq!(argument.code, Some(2));
    assert!(!argument.stderr.contains("00000000"), "{}", argument.stderr);
}

fn a_key_of_a_pepper_that_is_not_configured_is_not_called_unknown(store: Store) {
    let installation = Installation::new(store);
    let id = organization(&installation, "Acme");
    let old = key(&installation, &id, "old", &[]);
    let newer = "0101010101010101010101010101010101010101010101010101010101010101";
    let rotating = installation
        .set("KEYS__PEPPER", newer)
        .set("KEYS__PEPPER_ID", "2")
        .set("KEYS__OLDER_PEPPERS__1__SECRET", secrets::PEPPER);
    assert_eq!(found(&rotating, &old.plaintext)["api_key"]["id"], old.id());
    let forgetful = rotating.unset("KEYS__OLDER_PEPPERS__1__SECRET");
    let output = find(&forgetful, &old.plaintext);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("need the pepper 1, which is not configured"), "{said}");
}

fn the_report_names_unused_and_endless_keys_of_one_organization_and_of_all(store: Store) {
    let installation = Installation::new(store);
    let (acme, other) = (organization(&installation, "Acme"), organization(&installation, "Other"));
    let hour = clock::ahead(Duration::from_hours(1));
    let endless = key(&installation, &acme, "endless é", &[]);
    let ends = key(&installation, &acme, "ends", &["--expires-at", &hour]);
    let elsewhere = key(&installation, &other, "elsewhere", &[]);
    let gone = key(&installation, &acme, "gone", &[]);
    installation.json(&["keys", "revoke", "--organization", &acme, gone.id()]);
    let paused = key(&installation, &acme, "paused", &[]);
    installation.json(&["keys", "disable", "--organization", &acme, paused.id()]);
    let report = |more: &[&str]| -> Vec<Value> {
        let command = [&["keys", "report", "--format", "ndjson"], more].concat();
        let output = installation.run(&command).expect_success();
        output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let short = |lines: &[Value]| -> Vec<(String, Value)> {
        lines.iter().map(|line| (line["id"].as_str().unwrap().to_owned(), line["findings"].clone())).collect()
    };
    let never = json!(["never_expires"]);
    let own = report(&["--never-expiring", "--organization", &acme]);
    assert_eq!(short(&own), [(endless.id().to_owned(), never.clone())]);
    assert_eq!((&own[0]["name"], &own[0]["organization_id"]), (&json!("endless é"), &json!(acme)));
    let all = short(&report(&["--never-expiring"]));
    assert_eq!(all, [(endless.id().to_owned(), never.clone()), (elsewhere.id().to_owned(), never)]);
    // All are too young to be unused for a day.
    assert_eq!(short(&report(&["--unused-days", "1", "--organization", &acme])), []);
    for (name, created) in [("ends", &ends), ("endless é", &endless)] {
        let long_ago = match store.tables() {
            Some(capykeys_tests::Tables::Postgresql(())) => "now() - interval '31 days'",
            Some(capykeys_tests::Tables::Sqlite(())) => "(unixepoch() - 31 * 86400) * 1000000",
            None => return,
        };
        installation
            .change_row(&format!("UPDATE api_keys SET created_at = {long_ago} WHERE name = '{name}'"));
        assert_eq!(created.key["name"], name);
    }
    let (unused, both) = (json!(["unused"]), json!(["unused", "never_expires"]));
    assert_eq!(short(&report(&["--unused-days", "32"])), []);
    let own = ["--organization", &acme, "--unused-days", "30"];
    assert_eq!(
        short(&report(&own)),
        [(ends.id().to_owned(), unused.clone()), (endless.id().to_owned(), unused.clone())]
    );
    let own = [&own[..], &["--never-expiring"]].concat();
    assert_eq!(short(&report(&own)), [(ends.id().to_owned(), unused), (endless.id().to_owned(), both)]);
    let table = installation.run(&[&["keys", "report"], &own[..]].concat()).expect_success().stdout;
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["ORGANIZATION", "KEY", "CREATED", "LAST", "USED", "EXPIRES", "FINDINGS", "NAME"]);
    assert_eq!(lines.len(), 3, "{table}");
    assert_eq!((lines[1][1], lines[1][3], lines[1][5]), (ends.id(), "-", "unused"));
    assert_eq!(lines[2][4..], ["-", "unused,never_expires", "endless", "é"]);
    for wrong in [&["keys", "report"][..], &["keys", "report", "--unused-days", "0"]] {
        assert_eq!(installation.run(wrong).code, Some(2), "{wrong:?}");
    }
    let nobody = ["keys", "report", "--never-expiring", "--organization", "org_01h455vb4pex5vsknk084sn02q"];
    installation.run(&nobody).expect_failure();
}
