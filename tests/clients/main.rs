//! Runs a command beside a server for the clients of `scripts/clients`, and ends as the command does.
//!
//! The command finds both listeners, an organization with many keys and a key of it in its environment. Answers
//! come through a [`later`] release.
#![expect(clippy::expect_used, reason = "without a server there is nothing to try")]

mod later;

use std::{
    env,
    process::{Command, ExitCode},
};

use capykeys_tests::{Store, Tenant};
use serde_json::json;
use tokio::runtime::Runtime;

/// How many keys the organization has beside its first.
const KEYS: usize = 250;

fn main() -> ExitCode {
    let mut command = env::args_os().skip(1);
    let Some(program) = command.next() else {
        return usage();
    };
    let acme = Store::first().tenant();
    create_keys(&acme);
    let runtime = Runtime::new().expect("a runtime");
    let [url, internal] = [acme.server.address(), acme.server.internal_address()]
        .map(|address| format!("http://{}", runtime.block_on(later::start(address))));
    let status = Command::new(program)
        .args(command)
        .env("CAPYKEYS_URL", url)
        .env("CAPYKEYS_INTERNAL_URL", internal)
        .env("CAPYKEYS_KEY", &acme.admin)
        .env("CAPYKEYS_ORGANIZATION", &acme.id)
        .env("CAPYKEYS_KEYS", (KEYS + 1).to_string())
        .env("NO_PROXY", "127.0.0.1")
        .env("no_proxy", "127.0.0.1")
        .status()
        .expect("the command starts");
    acme.server.assert_no_leak();
    ExitCode::from(u8::from(!status.success()))
}

fn create_keys(acme: &Tenant<'_>) {
    acme.create(&json!({"name": "of a scope that came later", "scopes": [later::RENAMED_SCOPE]}));
    for number in 1..KEYS {
        acme.create(&json!({"name": format!("key {number}"), "scopes": ["jobs:read"]}));
    }
}

#[expect(clippy::print_stderr, reason = "whoever forgot the command is told")]
fn usage() -> ExitCode {
    eprintln!("usage: clients COMMAND [ARGUMENT]…");
    ExitCode::from(2)
}
