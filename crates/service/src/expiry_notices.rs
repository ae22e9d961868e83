//! Saying that keys end soon, and that they have ended.

use std::{sync::Arc, time::Duration};

use capykeys_domain::{
    model::{ExpiryNotices, KeyId, Timestamp},
    ports::{Limit, Unavailable},
    usecases::{ExpiryRound, Management},
};
use opentelemetry::{KeyValue, global, metrics::BoundCounter};
use tokio::time::sleep;

use crate::{adapters::command_context, read_only::ReadOnly};

/// How many keys are looked at in one statement.
const AT_ONCE: Limit = Limit::of::<1_000>();
/// Between two statements, so that many keys leave room for others.
const BREATH: Duration = Duration::from_millis(100);
/// How often all keys are looked at that may have to be named, at least.
const EVERY: Duration = Duration::from_mins(1);

/// Looks in turn at the keys whose end is near, for ever. Several servers may do so at once.
pub(crate) async fn run(management: Arc<Management>, notices: ExpiryNotices, read_only: ReadOnly) {
    let [soon, expired] = counters();
    // Where a notice is given seconds before, for a trial, it is not to be late by a minute.
    let every = notices.iter().last().map_or(EVERY, |shortest| EVERY.min(shortest / 2));
    let mut after = None;
    loop {
        sleep(if after.is_some() { BREATH } else { every }).await;
        if read_only.is_on() {
            continue;
        }
        match turn(&management, &notices, after).await {
            Ok(round) => {
                soon.add(round.soon);
                expired.add(round.expired);
                after = round.next;
            }
            Err(error) => {
                tracing::warn!(%error, "keys that end could not be named");
                after = None;
            }
        }
    }
}

async fn turn(
    management: &Management,
    notices: &ExpiryNotices,
    after: Option<(Timestamp, KeyId)>,
) -> Result<ExpiryRound, Unavailable> {
    management.notice_expiry(notices, after, AT_ONCE, &command_context()?).await
}

fn counters() -> [BoundCounter<u64>; 2] {
    let counter = global::meter("capykeys")
        .u64_counter("capykeys.expiry.notices")
        .with_description("Keys of which it was said that they end soon, or have ended")
        .build();
    ["expires_soon", "expired"].map(|notice| counter.bind(&[KeyValue::new("notice", notice)]))
}
