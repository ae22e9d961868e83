//! The one way in which infrastructure fails.

use alloc::string::{String, ToString};
use core::fmt;

/// Something that the service depends on did not do its work: it is down, too slow, or holds what
/// it must not hold. Callers get 503 and may try again.
///
/// Its text is for the operator's log. An adapter must put nothing of a row into it: a database's
/// own message can hold a digest (PostgreSQL's `DETAIL: Key (digest)=(…) already exists`), so
/// say what was tried and the error's code.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{dependency}: {reason}")]
pub struct Unavailable {
    dependency: &'static str,
    reason: String,
}

impl Unavailable {
    /// `dependency` is what failed (`"postgres"`), `reason` how, without any value of a row.
    pub fn new(dependency: &'static str, reason: impl fmt::Display) -> Self {
        Self { dependency, reason: reason.to_string() }
    }
}
