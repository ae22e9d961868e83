//! Ending the previous secrets of rotated keys that nobody uses any more.

use std::{sync::Arc, time::Duration};

use capykeys_domain::{
    ports::Limit,
    usecases::{KeyError, Management},
};
use tokio::time::sleep;

use crate::{adapters::command_context, read_only::ReadOnly};

/// How many are ended before it is looked again.
const AT_ONCE: Limit = Limit::of::<100>();

/// Looks every `interval`, which is that in which uses are recorded, as they are on the other servers: one that is not stored
/// yet is no older than two of them. Several servers may do so at once.
pub(crate) async fn run(management: Arc<Management>, interval: Duration, read_only: ReadOnly) {
    loop {
        sleep(interval).await;
        if read_only.is_on() {
            continue;
        }
        if let Err(error) = finish(&management, interval * 2).await {
            tracing::warn!(%error, "secrets that are not used could not be ended");
        }
    }
}

async fn finish(management: &Management, margin: Duration) -> Result<(), KeyError> {
    management.finish_idle_rotations(margin, AT_ONCE, &command_context()?).await
}
