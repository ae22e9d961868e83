//! Time.

use crate::model::Timestamp;

/// The time of day. The one source of "now" in the whole service.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
}
