//! The clock of the machine on which a library runs is set back by an hour.

use std::{fs, path::Path, time::Duration};

use capykeys_tests::{settings, wait};

use crate::{
    guarded::{Guarded, Settings, command},
    stand_in::{KEY, Reply, StandIn},
};

const AGE: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_mins(1);
const HOUR: i64 = 3_600;

/// Whole at once: the process looks at any time.
fn set(clock: &Path, text: &str) {
    let new = clock.with_extension("new");
    fs::write(&new, text).expect("the time is written");
    fs::rename(new, clock).expect("the clock is set");
}

pub(crate) fn a_clock_that_is_set_back_keeps_no_verdict_alive(name: &'static str) {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = folder.path().join("clock");
    set(&clock, "-0");
    let mut shown = command(name);
    shown
        .env("LD_PRELOAD", settings::faketime())
        .env("FAKETIME_TIMESTAMP_FILE", &clock)
        .envs([("FAKETIME_NO_CACHE", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]);
    let service = StandIn::start(|question| match question.number {
        0 => Reply::good(AGE),
        _ => Reply::refused("revoked", Duration::ZERO),
    });
    let guarded = Guarded::start_as(name, shown, service.address, Settings::default());
    let before = guarded.now();
    assert_eq!(guarded.ask(KEY).status, 200);
    set(&clock, &format!("-{HOUR}"));
    wait::until("its clock is set back", LIMIT, || (guarded.now() < before - HOUR / 2).then_some(()));
    wait::until("the verdict is over", LIMIT, || (guarded.ask(KEY).status == 401).then_some(()));
}
