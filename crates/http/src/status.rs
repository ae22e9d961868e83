//! How the service is, found out once for everybody who asks within some seconds.

use std::time::Duration;

use capykeys_domain::{model::Timestamp, usecases::Verdicts};
use tokio::{sync::Mutex, time::Instant};

/// For how long what was found out is told. Anybody may ask, and a flood of questions must not become
/// one for the store.
const KEPT: Duration = Duration::from_secs(5);

/// What was found out last, shared by all workers.
#[derive(Debug, Default)]
pub(crate) struct StatusBoard(Mutex<Option<Found>>);

/// Whether the store was there, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) store_is_there: bool,
    pub(crate) at: Timestamp,
    until: Instant,
}

impl StatusBoard {
    /// What is known. Where that is too old the store is asked, by one caller for all of them.
    pub(crate) async fn look(&self, verdicts: &Verdicts) -> Found {
        let mut found = self.0.lock().await;
        match *found {
            Some(known) if Instant::now() < known.until => known,
            _ => {
                let store_is_there = verdicts.ready().await.is_ok();
                let at = verdicts.environment().now();
                *found.insert(Found { store_is_there, at, until: Instant::now() + KEPT })
            }
        }
    }
}
