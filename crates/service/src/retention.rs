//! Taking old events out of the audit log.

use std::time::Duration;

use capykeys_domain::{ports::Limit, usecases::Operators};
use tokio::time::sleep;

/// How many events are looked at in one statement: few enough that nobody waits behind it.
const AT_ONCE: Limit = Limit::of::<1_000>();
/// Between two statements, so that a long log that is shortened leaves room for others.
const BREATH: Duration = Duration::from_millis(100);
/// How often it is looked whether there is something old.
const EVERY: Duration = Duration::from_hours(1);

/// Takes out what is older than `keep`, for ever. Several servers may do so at once.
pub(crate) async fn run(operators: Operators, keep: Duration) {
    loop {
        match operators.expire_audit_events(keep, AT_ONCE).await {
            Ok(gone) if gone >= u64::from(AT_ONCE.get()) => {
                sleep(BREATH).await;
                continue;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "old events could not be taken out of the audit log"),
        }
        sleep(EVERY).await;
    }
}
