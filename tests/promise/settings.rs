//! How long the tests run.

use std::time::Duration;

use capykeys_tests::settings::number;

/// L: the default of `cache.lease`, which replicas run with unless a test says otherwise.
pub(crate) const LEASE: Duration = Duration::from_millis(500);

/// Within which verification is back once whatever was broken is whole again.
pub(crate) const BACK_WITHIN: Duration = Duration::from_secs(2);

/// From this many revocations on, a run is one at full length.
const FULL: usize = 1_000;

/// How many keys each scenario revokes (`CAPYKEYS_TEST_REVOCATIONS`).
pub(crate) fn revocations() -> usize {
    number("CAPYKEYS_TEST_REVOCATIONS", 20)
}

/// How often a cluster is split (`CAPYKEYS_TEST_SPLITS`).
pub(crate) fn splits() -> usize {
    number("CAPYKEYS_TEST_SPLITS", 2)
}

/// Whether this is a run at full length, on a machine that has nothing else to do.
pub(crate) fn at_full_length() -> bool {
    revocations() >= FULL
}

/// How often each key is verified in a second.
pub(crate) fn rate() -> u32 {
    if at_full_length() { 1_000 } else { 250 }
}

/// How long a replica stands still.
pub(crate) fn pause() -> Duration {
    if at_full_length() { Duration::from_secs(5) } else { Duration::from_millis(1_500) }
}

/// How many keys that do not exist are asked for, and how many of them a replica remembers (in
/// `cache.absent`; by default at full length).
pub(crate) fn unknown_keys() -> (u32, u32) {
    if at_full_length() { (1_000_000, 65_536) } else { (50_000, 4_096) }
}

/// What random choices begin with, so that a run can be repeated (`CAPYKEYS_TEST_SEED`).
pub(crate) fn seed() -> u64 {
    number("CAPYKEYS_TEST_SEED", u64::from(std::process::id()))
}
