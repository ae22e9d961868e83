//! What the cache asks of the store.

use std::time::Duration;

use capykeys_domain::ports::Unavailable;

use crate::sync::within;

/// What the store answers within `limit`. Everything that is asked of it goes through here, with the name of the
/// port's method.
pub(crate) async fn ask<T>(
    method: &'static str,
    limit: Duration,
    answer: impl Future<Output = Result<T, Unavailable>>,
) -> Result<T, Unavailable> {
    let answered = within(limit, answer).await;
    answered.unwrap_or_else(|| Err(Unavailable::new("store", format_args!("{method}: no answer in time"))))
}
