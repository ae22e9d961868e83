//! `--help`, `--version` and usage errors.

use capykeys_tests::{Installation, installation::binary};

const COMMANDS: [&[&str]; 28] = [
    &[],
    &["serve"],
    &["migrate"],
    &["openapi"],
    &["health"],
    &["keys"],
    &["keys", "create"],
    &["keys", "list"],
    &["keys", "find"],
    &["keys", "report"],
    &["keys", "show"],
    &["keys", "update"],
    &["keys", "disable"],
    &["keys", "enable"],
    &["keys", "rotate"],
    &["keys", "finish"],
    &["keys", "revoke"],
    &["organizations"],
    &["organizations", "create"],
    &["organizations", "list"],
    &["organizations", "suspend"],
    &["organizations", "resume"],
    &["backup"],
    &["backup", "verify"],
    &["restore"],
    &["copy"],
    &["config", "check"],
    &["rules", "check"],
];

#[test]
fn every_command_explains_itself() {
    let installation = Installation::bare();
    let program = binary();
    let usage = format!("Usage: {}", program.file_stem().unwrap().display());
    for command in COMMANDS {
        let help = installation.run(&[command, &["--help"]].concat()).expect_success().stdout;
        assert!(help.contains(&usage), "{command:?}: {help}");
        assert!(help.contains("--config <FILE>"), "{command:?}: {help}");
        let first = help.lines().next().unwrap_or_default();
        assert!(first.ends_with('.') || first.len() > 20, "{command:?} begins with no sentence: {first}");
    }
}

#[test]
fn the_first_help_names_every_command() {
    let help = Installation::bare().run(&["--help"]).expect_success().stdout;
    for command in [
        "serve",
        "migrate",
        "openapi",
        "health",
        "keys",
        "organizations",
        "backup",
        "restore",
        "copy",
        "config",
        "rules",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is missing: {help}");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_right() {
    let installation = Installation::bare();
    let id = "org_01h455vb4pex5vsknk084sn02q";
    for command in [
        &[][..],
        &["nonsense"],
        &["serve", "--nonsense"],
        &["keys"],
        &["keys", "create"],
        &["keys", "create", "--organization", id, "--name", "n"],
        &["keys", "create", "--organization", id, "--name", "", "--scope", "*"],
        &["keys", "create", "--organization", id, "--name", "n", "--scope", "nonsense"],
        &["keys", "create", "--organization", "nonsense", "--name", "n", "--scope", "*"],
        &["keys", "create", "--organization", id, "--name", "n", "--scope", "*", "--expires-at", "tomorrow"],
        &["keys", "revoke", "--organization", id, "nonsense"],
        &["organizations", "create"],
        &["organizations", "suspend", "nonsense"],
    ] {
        let output = installation.run(command);
        assert_eq!(output.code, Some(2), "{command:?}: {}", output.stderr);
        assert!(output.stderr.contains("--help") || output.stderr.contains("Usage"), "{command:?}");
        assert_eq!(output.stdout, "", "{command:?}");
    }
    assert!(!installation.directory().join("capykeys-data").exists(), "a refused command made a store");
}

#[test]
fn the_version_is_the_packages() {
    let version = Installation::bare().run(&["--version"]).expect_success().stdout;
    assert_eq!(version.trim(), format!("capykeys {}", env!("CARGO_PKG_VERSION")));
}
