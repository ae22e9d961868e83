//! What the cache asks of the store.

use std::time::Duration;

use capykeys_domain::ports::Unavailable;

use crate::sync::within;

/// An operation of a port, by the name that it has in errors, and is to have in traces and metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation(&'static str);

pub(crate) const FIND_KEY: Operation = Operation("find_key");
pub(crate) const FIND_ORGANIZATION: Operation = Operation("find_organization");
pub(crate) const POLL_FEED: Operation = Operation("poll_feed");
pub(crate) const REGISTER: Operation = Operation("register_replica");
pub(crate) const CONFIRM: Operation = Operation("confirm");
pub(crate) const READ_REGISTRY: Operation = Operation("read_registry");
pub(crate) const RETIRE: Operation = Operation("retire_replica");
pub(crate) const FORGET: Operation = Operation("forget_replica");

impl Operation {
    /// What the store answers within `limit`. Every operation goes through here.
    pub(crate) async fn perform<T>(
        self,
        limit: Duration,
        answer: impl Future<Output = Result<T, Unavailable>>,
    ) -> Result<T, Unavailable> {
        let answered = within(limit, answer).await;
        answered.unwrap_or_else(|| Err(Unavailable::new(self.0, "no answer in time")))
    }
}
