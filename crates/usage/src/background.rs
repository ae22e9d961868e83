//! Recording every interval.

use tokio::{runtime::Handle, task::JoinHandle, time::sleep};

use crate::UseRecorder;

/// From how many failures in a row on it is worth a line in the log. A single one is no news: one of
/// the keys may have been changed by somebody else just then.
const NEWS: u32 = 2;

/// Records in the background until it is dropped; what is pending then is not recorded.
#[derive(Debug)]
#[must_use = "nothing is recorded any longer than this is kept"]
pub struct Recording(JoinHandle<()>);

impl Recording {
    pub(crate) const fn of(task: JoinHandle<()>) -> Self {
        Self(task)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl UseRecorder {
    /// Records every interval for ever, through all outages of the store.
    pub async fn run(self) {
        let (mut failures, mut dropped) = (0_u32, 0);
        loop {
            // After the last one has ended, however long that took: so there is at most one an interval.
            sleep(self.0.settings.interval).await;
            match self.0.record().await {
                Ok(()) => {
                    if failures >= NEWS {
                        tracing::info!("uses of keys are recorded again");
                    }
                    failures = 0;
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if failures == NEWS {
                        tracing::warn!(%error, "uses of keys cannot be recorded: they are kept");
                    }
                }
            }
            let before = std::mem::replace(&mut dropped, self.dropped());
            if dropped > before {
                tracing::warn!(uses = dropped - before, "too many keys were used: some uses were dropped");
            }
        }
    }

    /// Runs it on a runtime.
    pub fn spawn(&self, runtime: &Handle) -> Recording {
        Recording::of(runtime.spawn(self.clone().run()))
    }
}
