//! The HTTP clients of other languages as people use them: with their default settings. Where a
//! language is not installed, its test says so and passes.

use std::process::{Command, Stdio};

use capykeys_tests::Store;

/// Lets the program in `tests/clients` ask for all that a client asks for, where `needed` is installed.
#[expect(clippy::print_stderr, reason = "whoever runs the tests is told what was left out")]
fn run(needed: &str, command: &[&str]) {
    let probe = Command::new("which").arg(needed).stdout(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        eprintln!("skipped: {needed} is not installed");
        return;
    }
    let acme = Store::first().tenant();
    let mut client = Command::new(command[0]);
    client
        .args(&command[1..])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/clients"))
        .env("CAPYKEYS_URL", format!("http://{}", acme.server.address()))
        .env("CAPYKEYS_KEY", &acme.admin)
        .env("CAPYKEYS_ORGANIZATION", &acme.id)
        .env("GO111MODULE", "off");
    for proxy in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        client.env_remove(proxy);
    }
    let output = client.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.ends_with("ok\n"), "{command:?}: {stdout}{stderr}");
    eprint!("{stdout}");
    acme.server.assert_no_leak();
    let active = acme.list().into_iter().filter(|key| key["is_active"] == true).count();
    assert_eq!(active, 1, "what was created was not revoked");
}

#[test]
fn java_net_http() {
    run("javac", &["java", "Client.java"]);
}

#[test]
fn go_net_http() {
    run("go", &["go", "run", "client.go"]);
}

#[test]
fn node_fetch_and_http() {
    run("node", &["node", "client.mjs"]);
}

#[test]
fn python_urllib_requests_and_httpx() {
    run("python3", &["python3", "client.py"]);
}

#[test]
fn curl() {
    run("curl", &["sh", "client.sh"]);
}
