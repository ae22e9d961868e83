//! What the environment may change: how long the tests run.

use std::{str::FromStr, time::Duration};

/// How often a server is killed in the middle of writing, for each store
/// (`CAPYKEYS_TEST_KILL_ROUNDS`).
pub fn kill_rounds() -> usize {
    number("CAPYKEYS_TEST_KILL_ROUNDS", 10)
}

/// How long PostgreSQL is away in the tests of its faults (`CAPYKEYS_TEST_FAULT_SECONDS`).
pub fn fault_duration() -> Duration {
    Duration::from_secs(number("CAPYKEYS_TEST_FAULT_SECONDS", 3))
}

/// The number in this variable of the environment, or else the default.
#[expect(clippy::disallowed_methods, reason = "tests are not configured by the service")]
pub fn number<T: FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")),
        Err(_) => default,
    }
}

/// The `PATH` that servers and shells are started with.
#[expect(clippy::disallowed_methods, reason = "tests are not configured by the service")]
pub(crate) fn path() -> String {
    std::env::var("PATH").unwrap_or_default()
}
