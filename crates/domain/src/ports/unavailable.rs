//! The one way in which infrastructure fails.

use alloc::string::{String, ToString};
use core::fmt;

/// Something that the service depends on gave no answer: it is down, too slow, locked by somebody else, or what it
/// said cannot be read. Callers get 503 and may try again.
///
/// It is never the outcome of a request that was understood and judged: that a thing is not there, is there already,
/// or is forbidden, is in the method's answer. A row that cannot be read fails the whole call with this error, since
/// a list or a verdict without the row would be wrong; the text says so, for it does not pass by itself.
///
/// Its text is for the operator's log. An adapter must put nothing of a row into it: a database's
/// own message can hold a digest (PostgreSQL's `DETAIL: Key (digest)=(…) already exists`), so
/// say what was tried and the error's code.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{dependency}: {reason}")]
pub struct Unavailable {
    dependency: &'static str,
    reason: String,
    is_read_only: bool,
}

impl Unavailable {
    /// `dependency` is what failed (`"postgres"`), `reason` how, without any value of a row.
    pub fn new(dependency: &'static str, reason: impl fmt::Display) -> Self {
        Self { dependency, reason: reason.to_string(), is_read_only: false }
    }

    /// Nothing is down: an operator has said, with the setting `because_of`, that nothing is to be written for a while.
    #[must_use]
    pub fn read_only(because_of: &'static str) -> Self {
        Self { is_read_only: true, ..Self::new(because_of, "set, so nothing is written") }
    }

    /// Whether it is only that nothing is to be written.
    #[must_use]
    pub const fn is_read_only(&self) -> bool {
        self.is_read_only
    }
}
