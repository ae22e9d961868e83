//! Commands beside a store that is busy.

use std::{
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

use capykeys_tests::{Installation, Store, Tables, on_one_store, postgres, transcript::Transcript};

on_one_store![
    postgresql: a_command_waits_for_a_busy_postgresql_and_says_so, a_command_gives_up_when_it_was_told_to;
    sqlite: a_command_waits_for_a_busy_sqlite_and_says_so,
];

const LIMIT: Duration = Duration::from_secs(30);

/// Starts a command that writes, and waits until it says for which store it waits.
fn start_and_wait(installation: &Installation, store: &str) -> (Child, Transcript) {
    let mut command = installation.command(&["organizations", "create", "--name", "Acme"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = Transcript::of(child.stdout.take().unwrap());
    let stderr = Transcript::of(child.stderr.take().unwrap());
    let said = stderr.wait_for(LIMIT, |line| line.contains(&format!("waiting for {store}")).then_some(()));
    assert!(said.is_some(), "{}", stderr.text());
    (child, stdout)
}

fn expect_success(mut child: Child, stdout: &Transcript) {
    assert!(child.wait().unwrap().success());
    assert!(stdout.to_end(LIMIT).contains("Acme"));
}

fn a_command_waits_for_a_busy_postgresql_and_says_so() {
    let url = postgres::database_url();
    let installation = Installation::on_postgres(&url);
    let busy = postgres::begin(&url, "LOCK TABLE organizations IN ACCESS EXCLUSIVE MODE");
    let (child, stdout) = start_and_wait(&installation, "PostgreSQL");
    drop(busy);
    expect_success(child, &stdout);
}

fn a_command_waits_for_a_busy_sqlite_and_says_so() {
    let installation = Installation::new(Store::with(Tables::Sqlite(())));
    let _ = installation.run(&["migrate"]).expect_success();
    let file = installation.directory().join(Path::new("capykeys-data/capykeys.db"));
    let busy = rusqlite::Connection::open(file).unwrap();
    busy.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (child, stdout) = start_and_wait(&installation, "SQLite");
    busy.execute_batch("ROLLBACK").unwrap();
    expect_success(child, &stdout);
}

fn a_command_gives_up_when_it_was_told_to() {
    let url = postgres::database_url();
    let installation = Installation::on_postgres(&url).set("STORE__COMMAND_TIMEOUT", "200ms");
    let _busy = postgres::begin(&url, "LOCK TABLE organizations IN ACCESS EXCLUSIVE MODE");
    let output = installation.run(&["organizations", "list"]);
    assert!(output.expect_failure().contains("in time"), "{}", output.stderr);
}
