//! That the clock for leases goes on while the machine sleeps.
#![cfg(target_os = "linux")]

use std::{process::Command, time::Duration};

use capykeys_cache::{BootClock, BootTime, SystemBootClock};

const ASLEEP: Duration = Duration::from_secs(1_000_000);
const MARK: &str = "since the start: ";

fn since_the_start() -> Duration {
    SystemBootClock.now().since(BootTime::new(Duration::ZERO))
}

#[test]
#[ignore = "run by the other one"]
#[expect(clippy::print_stdout, reason = "that is how it answers")]
fn reading() {
    println!("{MARK}{}", since_the_start().as_secs());
}

/// After a suspend, `CLOCK_BOOTTIME` is ahead of `CLOCK_MONOTONIC` by the time asleep. In a time
/// namespace it can be so without one. Where none may be made, nothing is tested.
#[test]
fn the_systems_clock_has_counted_the_time_asleep() {
    let before = since_the_start();
    let namespace = ["--user", "--map-root-user", "--time", "--boottime"];
    let child = Command::new("unshare")
        .args(namespace)
        .arg(ASLEEP.as_secs().to_string())
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "reading", "--nocapture"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    let Some((_, told)) = told.split_once(MARK) else {
        let why = String::from_utf8_lossy(&child.stderr);
        assert!(why.starts_with("unshare: "), "{why}");
        return;
    };
    let there = Duration::from_secs(told.split_whitespace().next().unwrap().parse().unwrap());
    let ahead = there.saturating_sub(before);
    assert!(ahead.abs_diff(ASLEEP) < Duration::from_mins(10), "{ahead:?}");
}
