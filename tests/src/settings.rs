//! What the environment tells: how long the tests run, and where foreign programs are.

use std::{path::PathBuf, str::FromStr, time::Duration};

/// How often a server is killed in the middle of writing, for each store
/// (`CAPYKEYS_TEST_KILL_ROUNDS`).
pub fn kill_rounds() -> usize {
    number("CAPYKEYS_TEST_KILL_ROUNDS", 10)
}

/// How long PostgreSQL is away in the tests of its faults (`CAPYKEYS_TEST_FAULT_SECONDS`).
pub fn fault_duration() -> Duration {
    Duration::from_secs(number("CAPYKEYS_TEST_FAULT_SECONDS", 3))
}

/// The program of a gateway (`CAPYKEYS_TEST_GATEWAYS`, which is what `scripts/gateways` prints).
pub fn gateway(name: &str) -> PathBuf {
    program(name, "CAPYKEYS_TEST_GATEWAYS", "scripts/gateways")
}

/// The program of a database cluster (`CAPYKEYS_TEST_PATRONI`, which is what `scripts/patroni` prints).
pub fn cluster_program(name: &str) -> PathBuf {
    program(name, "CAPYKEYS_TEST_PATRONI", "scripts/patroni")
}

/// The command line of a server that one of the libraries in `clients/` guards (`CAPYKEYS_TEST_VERIFIERS`, which
/// is what `scripts/verifiers` prints).
pub fn guarded_server(name: &str) -> String {
    let found = variable("CAPYKEYS_TEST_VERIFIERS").and_then(|listed| find(&listed, name));
    found.unwrap_or_else(|| panic!("no {name}: run `make verifiers`"))
}

fn program(name: &str, listed_in: &str, script: &str) -> PathBuf {
    let found = variable(listed_in).and_then(|text| find(&text, name));
    found.unwrap_or_else(|| panic!("no {name}: run `make test`, or set {listed_in}=\"$({script})\"")).into()
}

/// What a script has printed behind this name.
fn find(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines().filter_map(|line| line.split_once('='));
    lines.find(|(other, _)| *other == name).map(|(_, found)| found.to_owned())
}

/// The library libfaketime (`CAPYKEYS_TEST_FAKETIME`, which is what `scripts/faketime` prints).
pub fn faketime() -> PathBuf {
    let path = variable("CAPYKEYS_TEST_FAKETIME").filter(|path| !path.is_empty()).map(PathBuf::from);
    path.expect("no libfaketime: run `make test`, or set CAPYKEYS_TEST_FAKETIME=\"$(scripts/faketime)\"")
}

/// Prometheus beside [`promtool`], where both are on this machine.
pub fn prometheus() -> Option<PathBuf> {
    let path = PathBuf::from(variable("CAPYKEYS_TEST_PROMTOOL")?).with_file_name("prometheus");
    path.exists().then_some(path)
}

/// The program promtool (`CAPYKEYS_TEST_PROMTOOL`, which is what `scripts/promtool` prints).
pub fn promtool() -> PathBuf {
    let path = variable("CAPYKEYS_TEST_PROMTOOL").filter(|path| !path.is_empty()).map(PathBuf::from);
    path.expect("no promtool: run `make test`, or set CAPYKEYS_TEST_PROMTOOL=\"$(scripts/promtool)\"")
}

/// The program as it was released last (`CAPYKEYS_TEST_PREVIOUS`, which is what `scripts/previous` prints).
pub fn previous_program() -> PathBuf {
    let path = variable("CAPYKEYS_TEST_PREVIOUS").filter(|path| !path.is_empty()).map(PathBuf::from);
    path.expect(
        "no previous program: run `make upgrades`, or set CAPYKEYS_TEST_PREVIOUS=\"$(scripts/previous)\"",
    )
}

/// The number in this variable of the environment, or else the default.
pub fn number<T: FromStr>(name: &str, default: T) -> T {
    match variable(name) {
        Some(text) => text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")),
        None => default,
    }
}

/// The `PATH` that servers and shells are started with.
pub(crate) fn path() -> String {
    variable("PATH").unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "tests are not configured by the service")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
