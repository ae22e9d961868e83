//! When the demo ends.

use std::time::Duration;

use capykeys_tests::settings;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, sleep_until},
};

/// A signal, or the time that is set for it.
pub(crate) struct End {
    /// Ctrl-C, what a closed terminal sends, and what everything else does.
    signals: [Signal; 3],
    at: Instant,
}

/// A year, in seconds.
const LONG: u64 = 365 * 24 * 60 * 60;

impl End {
    pub(crate) fn new() -> Self {
        let kinds = [SignalKind::interrupt(), SignalKind::hangup(), SignalKind::terminate()];
        let signals = kinds.map(|kind| signal(kind).expect("signals can be waited for"));
        let seconds = settings::number("DEMO_SECONDS", LONG).min(LONG);
        Self { signals, at: Instant::now() + Duration::from_secs(seconds) }
    }

    pub(crate) async fn wait(&mut self) {
        let [interrupt, hangup, terminate] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
            _ = terminate.recv() => {}
            () = sleep_until(self.at) => {}
        }
    }
}
