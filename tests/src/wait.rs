//! Waiting for a condition instead of sleeping.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Asks every few milliseconds until there is an answer.
///
/// # Panics
/// Where there is none in time; `what` says what was waited for.
#[track_caller]
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
