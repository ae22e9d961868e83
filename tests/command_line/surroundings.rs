//! What a start does where something around the service is not as it should be.

use std::{fs, sync::Arc, time::Duration};

use capykeys_testkit::shared;
use capykeys_tests::{Installation, Server, on_one_store, postgres, secrets};

on_one_store![
    postgresql:
    a_postgresql_that_lets_nobody_in_is_waited_for_and_the_log_says_why,
    a_role_that_lacks_a_right_is_told_which,
];

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_start_that_cannot_be_ends_with_one_sentence() {
    let bare = Installation::bare;
    let with_data_in_a_file = |installation: Installation| {
        fs::write(installation.directory().join("data"), "").unwrap();
        installation.set("SQLITE__DIRECTORY", "data")
    };
    for (what, installation, said) in [
        (
            "no such secret",
            bare().set("KEYS__PEPPER_FILE", "/nowhere"),
            "`keys.pepper_file` cannot be used: No such",
        ),
        (
            "a secret that cannot be read",
            bare().set("KEYS__PEPPER_FILE", "/proc"),
            "`keys.pepper_file` cannot be used",
        ),
        ("an empty secret", bare().set("KEYS__PEPPER_FILE", "/dev/null"), "keys.pepper"),
        (
            "no such rules",
            bare().set("INTERNAL__AUTHORIZE__RULES_FILE", "/nowhere"),
            "`internal.authorize.rules_file /nowhere` cannot be used",
        ),
        (
            "a folder that nothing can be put into",
            bare().set("SQLITE__DIRECTORY", "/proc/capykeys"),
            "/proc/capykeys",
        ),
        ("a file for a folder", with_data_in_a_file(bare()), "`sqlite.directory` is a file"),
        (
            "no room for the first key",
            bare().set("SQLITE__FIRST_KEY_FILE", "/dev/full"),
            "`sqlite.first_key_file` cannot be used",
        ),
        (
            "no such file with the database's address",
            bare()
                .set("STORE__KIND", "postgres")
                .set("POSTGRES__URL_FILE", "/nowhere")
                .set("KEYS__PEPPER", secrets::PEPPER),
            "`postgres.url_file` cannot be used",
        ),
    ] {
        let output = installation.run_briefly(&["serve"]);
        let line = output.expect_failure();
        assert!(line.contains(said), "{what}: {line}");
        let errors = output.stderr.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(errors, 1, "{what}: {}", output.stderr);
    }
}

/// That the database is not to be had is no mistake of the configuration: it may come back.
fn a_postgresql_that_lets_nobody_in_is_waited_for_and_the_log_says_why() {
    let url = postgres::database_url();
    shared().execute("postgres", "CREATE ROLE shut_out NOLOGIN");
    let (before, database) = url.rsplit_once('/').unwrap();
    for (url, said) in [
        (url.replace("//postgres@", "//shut_out@"), "does not let the user of `postgres.url` in"),
        (url.replace("//postgres@", "//nobody_of_that_name@"), "does not let the user of `postgres.url` in"),
        (format!("{before}/not_{database}"), "the database of `postgres.url` does not exist"),
    ] {
        let installation = Installation::bare()
            .set("STORE__KIND", "postgres")
            .set("POSTGRES__URL", &url)
            .set("KEYS__PEPPER", secrets::PEPPER);
        let server = Server::start(&Arc::new(installation));
        server.says(LIMIT, said);
        server.get("/readyz").send().expect(503);
        server.get("/livez").send().expect(200);
    }
}

fn a_role_that_lacks_a_right_is_told_which() {
    let url = postgres::database_url();
    let installation = |url: &str| {
        let bare = Installation::bare().set("STORE__KIND", "postgres").set("POSTGRES__URL", url);
        bare.set("KEYS__PEPPER", secrets::PEPPER)
    };
    let _ = installation(&url).run(&["migrate"]).expect_success();
    shared().execute("postgres", "CREATE ROLE without_rights LOGIN");
    let output = installation(&url.replace("//postgres@", "//without_rights@")).run_briefly(&["serve"]);
    let line = output.expect_failure();
    assert!(line.contains("this role lacks") && line.contains("SELECT on capykeys_schema"), "{line}");
}
