//! Where the configuration comes from, and what is said of it.

use std::{fs, sync::Arc};

use capykeys_tests::{Created, Installation, Server, Store, secrets};

const PASSWORD: &str = "hush-hush-42";

#[test]
fn a_check_shows_what_is_in_force_without_its_secrets() {
    let url = format!("postgres://capykeys:{PASSWORD}@db.example/keys");
    let installation = Installation::bare()
        .set("STORE__KIND", "postgres")
        .set("POSTGRES__URL", &url)
        .set("KEYS__PEPPER", secrets::PEPPER)
        .set("KEYS__PEPPER_ID", "2026")
        .set("KEYS__OLDER_PEPPERS__2025__SECRET", &secrets::PEPPER.replace('5', "6"));
    let output = installation.run(&["config", "check"]).expect_success();
    for secret in [PASSWORD, secrets::PEPPER, &secrets::PEPPER.replace('5', "6")] {
        assert!(!output.stdout.contains(secret) && !output.stderr.contains(secret), "{}", output.stdout);
    }
    for shown in ["127.0.0.1:0", "postgres", "2026", "2025", "pool_size", "request_timeout"] {
        assert!(output.stdout.contains(shown), "{shown} is not shown: {}", output.stdout);
    }
}

#[test]
fn a_check_shows_what_roles_are_granted_the_default_rows_included() {
    let shown = |installation: Installation| installation.run(&["config", "check"]).expect_success().stdout;
    let default = shown(Installation::bare());
    assert!(default.contains("\"org:admin\" = [\"*\"]"), "{default}");
    assert!(default.contains("other_roles") && default.contains("\"schema:read\""), "{default}");
    // Behind it are the scopes that there are.
    let granted = default.split("[scopes.").next().unwrap_or_default();
    assert!(!granted.contains("credentials:read"), "{default}");
    let changed = shown(Installation::bare().set("CLERK__ROLES__BILLING", "credentials:read"));
    for row in ["billing = [\"credentials:read\"]", "\"org:admin\" = [\"*\"]"] {
        assert!(changed.contains(row), "{changed}");
    }
}

#[test]
fn the_environment_goes_before_the_file_and_the_file_before_the_defaults() {
    let installation = Installation::bare();
    let file = installation.directory().join("capykeys.toml");
    fs::write(&file, "[server]\nworkers = 7\nrequest_timeout = '4321ms'\n[keys]\npepper_id = \"filed\"\n")
        .unwrap();
    let check = ["config", "check", "--config", file.to_str().unwrap()];
    let shown = installation.run(&check).expect_success().stdout;
    assert!(shown.contains("workers = 7") && shown.contains("4321ms") && shown.contains("filed"), "{shown}");
    let shown = installation.set("SERVER__WORKERS", "3").run(&check).expect_success().stdout;
    assert!(shown.contains("workers = 3") && shown.contains("4321"), "{shown}");
}

#[test]
fn what_is_unknown_or_wrong_in_the_environment_is_refused_by_name() {
    for (name, value, named) in [
        ("SERVER__LISTNE", "127.0.0.1:0", "listne"),
        ("SERVRE__LISTEN", "127.0.0.1:0", "servre"),
        ("SERVER__LISTEN", "nonsense", "listen"),
        ("SERVER__WORKERS", "0", "workers"),
        ("SERVER__WORKERS", "nonsense", "workers"),
        ("STORE__KIND", "nonsense", "kind"),
        ("USAGE__FLUSH_INTERVAL", "0ms", "flush_interval"),
        ("KEYS__PREFIX", "no good", "prefix"),
        ("KEYS__PEPPER", PASSWORD, "pepper"),
        ("KEYS__PEPPER_FILE", "/nowhere/pepper", "keys.pepper_file"),
        ("LOG__FORMAT", "nonsense", "format"),
        ("LOG__LEVEL", "=,=nonsense", "level"),
        ("CLERK__OTHER_ROLES", "jobs:read, jobs:reed", "clerk.other_roles"),
        ("CLERK__OTHER_ROLES", "*, *", "clerk.other_roles"),
        ("CLERK__ROLES__BILLING", "nonsense", "clerk.roles.\"billing\""),
        ("CLERK__ROLES__A B", "*", "clerk.roles.a b"),
        ("CLERK__ROLES", "*", "roles"),
        ("CLERK__INSTANCES__DEV__MAX_LIFETIME", "3600", "max_lifetime"),
        // As it was called before lengths of time had units.
        ("INTERNAL__TOKEN__MAX_LIFETIME_SECONDS", "1h", "max_lifetime_seconds"),
        ("CLERK__INSTANCES__DEV__ISSUER", "https://issuer.example", "clerk"),
    ] {
        for command in [&["config", "check"][..], &["serve"]] {
            let output = Installation::bare().set(name, value).run_briefly(command);
            let line = output.expect_failure().to_lowercase();
            assert!(line.contains(named), "{name}: {line}");
            assert!(!output.stderr.contains(PASSWORD), "{name}: {line}");
        }
    }
}

#[test]
fn what_is_unknown_or_wrong_in_the_file_is_refused() {
    let installation = Installation::bare();
    let file = installation.directory().join("capykeys.toml");
    let check = ["config", "check", "--config", file.to_str().unwrap()];
    assert!(installation.run(&check).expect_failure().contains("capykeys.toml"), "a file that is not there");
    for text in
        ["[server]\nlistne = \"127.0.0.1:0\"\n", "[surver]\n", "nonsense", "[server]\nworkers = \"x\"\n"]
    {
        fs::write(&file, text).unwrap();
        installation.run(&check).expect_failure();
    }
}

#[test]
fn a_secret_that_is_written_down_wrongly_is_not_repeated() {
    let installation = Installation::bare();
    let file = installation.directory().join("capykeys.toml");
    let check = ["config", "check", "--config", file.to_str().unwrap()];
    for text in [
        format!("[keys]\npepper = {PASSWORD}\n"),
        format!("[keys]\npepper = \"{PASSWORD}\"\n"),
        format!("[keys]\npepper = \"{PASSWORD}\n"),
        format!("[keys]\npepper = [\"{PASSWORD}\"]\n"),
        format!("[keys]\npepper = {{ secret = \"{PASSWORD}\" }}\n"),
        "[keys]\npepper = 4242424242\n".to_owned(),
        format!("[store]\nkind = \"postgres\"\n[postgres]\nurl = postgres://u:{PASSWORD}@h/d\n"),
        format!("[store]\nkind = \"postgres\"\n[postgres]\nurl = \"postgres//u:{PASSWORD}@h/d\"\n"),
        format!("[store]\nkind = \"postgres\"\n[postgres]\nurl = \"postgres://u:{PASSWORD}@h:x/d\"\n"),
    ] {
        fs::write(&file, &text).unwrap();
        let output = installation.run(&check);
        output.expect_failure();
        for secret in [PASSWORD, "4242424242"] {
            assert!(!output.stderr.contains(secret), "{text}: {}", output.stderr);
        }
    }
}

#[test]
fn a_pepper_may_come_from_a_file_and_be_rotated() {
    let installation = Installation::new(Store::first()).unset("KEYS__PEPPER");
    let file = installation.directory().join("pepper.hex");
    fs::write(&file, format!("{}\n", secrets::PEPPER)).unwrap();
    let installation = installation.set("KEYS__PEPPER_FILE", file.to_str().unwrap());
    let organization = installation.json(&["organizations", "create", "--name", "Acme"]);
    let id = organization["id"].as_str().unwrap();
    let create = ["keys", "create", "--organization", id, "--name", "n", "--scope", "*"];
    let old = Created::from_body(&installation.json(&create));

    let rotated = installation
        .unset("KEYS__PEPPER_FILE")
        .set("KEYS__PEPPER", &secrets::PEPPER.replace('5', "6"))
        .set("KEYS__PEPPER_ID", "2")
        .set("KEYS__OLDER_PEPPERS__1__SECRET_FILE", file.to_str().unwrap());
    let new = Created::from_body(&rotated.json(&create));
    let rotated = Arc::new(rotated);
    let server = Server::start(&rotated);
    for key in [&old, &new] {
        server.get("/v1/me").bearer(&key.plaintext).send().expect(200);
    }
}

#[test]
fn postgresql_without_an_address_or_a_pepper_is_refused() {
    let bare = || Installation::bare().set("STORE__KIND", "postgres");
    let no_address = bare().set("KEYS__PEPPER", secrets::PEPPER).run_briefly(&["serve"]);
    assert!(no_address.expect_failure().contains("postgres.url"));
    let no_pepper = bare().set("POSTGRES__URL", "postgres://localhost/x").run_briefly(&["serve"]);
    assert!(no_pepper.expect_failure().contains("keys.pepper"));
}
