//! The machine itself: a disk that is full, a folder that cannot be written, a clock that jumps.

use std::{fs, path::Path, sync::Arc, time::Duration};

use capykeys_tests::{Installation, Server, Store, Tenant, clock, secrets, settings, wait};
use serde_json::json;

use crate::disk::Disk;

const LIMIT: Duration = Duration::from_secs(20);

fn installation() -> Installation {
    Installation::bare().set("KEYS__PEPPER", secrets::PEPPER).set("SQLITE__FIRST_KEY_FILE", "first.key")
}

/// A key that can do everything.
fn first_key(server: &Server) -> String {
    fs::read_to_string(server.installation().directory().join("first.key")).unwrap().trim().to_owned()
}

#[test]
fn a_start_on_a_full_disk_ends_with_one_sentence_and_on_one_with_room_again_it_serves() {
    let Some(disk) = Disk::new() else { return };
    let filler = disk.fill();
    let installation = disk.holds(installation());
    let output = installation.run_briefly(&["serve"]);
    let line = output.expect_failure();
    assert!(line.contains("disk") || line.contains("space"), "{line}");
    fs::remove_file(filler).unwrap();
    let _server = Server::start(&Arc::new(installation));
}

#[test]
fn on_a_disk_that_is_full_keys_are_good_and_changes_are_503_until_there_is_room() {
    let Some(disk) = Disk::new() else { return };
    let server = Server::start(&Arc::new(disk.holds(installation())));
    let key = first_key(&server);
    let organization = server.get("/v1/me").bearer(&key).send().expect(200)["organization"]["id"].clone();
    let path = format!("/v1/organizations/{}/api-keys", organization.as_str().unwrap());
    let create =
        || server.post(&path).bearer(&key).json(&json!({"name": "new", "scopes": ["jobs:read"]})).send();
    let filler = disk.fill();
    // There may be room in the files that are there already.
    let refused =
        wait::until("there is no room", LIMIT, || Some(create()).filter(|answer| answer.status != 201));
    refused.error(503);
    assert_eq!(server.verify(&json!({"api_key": key}))["valid"], true);
    server.get("/livez").send().expect(200);
    fs::remove_file(filler).unwrap();
    let created =
        wait::until("there is room", LIMIT, || Some(create()).filter(|answer| answer.status == 201));
    let plaintext = created.expect(201)["plaintext_api_key"].clone();
    assert_eq!(server.verify(&json!({"api_key": plaintext}))["valid"], true);
    server.assert_no_leak();
}

#[test]
fn a_start_in_a_folder_that_cannot_be_written_ends_with_one_sentence() {
    let Some(disk) = Disk::new() else { return };
    let installation = disk.holds(installation());
    drop(Server::start(&Arc::new(disk.holds(self::installation()))));
    assert!(disk.mount("remount,ro"));
    let output = installation.run_briefly(&["serve"]);
    let line = output.expect_failure();
    assert!(line.contains("can only be read"), "{line}");
}

/// Shows the server this machine's time, and so many seconds more.
fn set_clock(directory: &Path, seconds: i32) {
    let new = directory.join("clock.new");
    fs::write(&new, format!("{seconds:+}")).unwrap();
    fs::rename(new, directory.join("clock")).unwrap();
}

#[test]
fn a_clock_that_jumps_ends_no_key_that_has_time_and_revives_none() {
    let installation = Installation::new(Store::first());
    let directory = installation.directory().to_owned();
    set_clock(&directory, 0);
    let installation = installation
        .with_variable("LD_PRELOAD", settings::faketime().to_str().unwrap())
        .with_variable("FAKETIME_TIMESTAMP_FILE", directory.join("clock").to_str().unwrap())
        .with_variable("FAKETIME_NO_CACHE", "1")
        .with_variable("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let server = Server::start(&Arc::new(installation));
    let acme = Tenant::new(&server);
    let expiring = |hours| {
        let at = clock::ahead(Duration::from_hours(hours));
        acme.create(&json!({"name": "brief", "scopes": ["jobs:read"], "expires_at": at}))
    };
    let (brief, long) = (expiring(1), expiring(24));
    let valid = |plaintext: &str| server.verify(&json!({"api_key": plaintext}))["valid"] == true;
    assert!(valid(&brief.plaintext) && valid(&long.plaintext));
    set_clock(&directory, 2 * 3_600);
    wait::until("an hour has passed", LIMIT, || (!valid(&brief.plaintext)).then_some(()));
    assert!(valid(&long.plaintext) && valid(&acme.admin));
    set_clock(&directory, -2 * 3_600);
    for _ in 0..10 {
        assert!(!valid(&brief.plaintext) && valid(&long.plaintext) && valid(&acme.admin));
    }
    // What is done then is done, and in its order.
    let later = acme.key_with(&["jobs:read"]);
    let created = |key: &serde_json::Value| clock::parse(key["created_at"].as_str().unwrap());
    assert!(created(&later.key) >= created(&long.key));
    acme.revocation(&acme.admin, later.id()).send().expect(200);
    assert!(!valid(&later.plaintext));
}
