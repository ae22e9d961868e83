//! Going out of service.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

const SERVING: u8 = 0;
const LEAVING: u8 = 1;
const CLOSING: u8 = 2;

/// Tells the server that it is about to stop, so that no request is lost by it.
///
/// From [`Drain::begin`] on, `/readyz` answers 503, so that load balancers send nothing new, while
/// everything else is served as before. From [`Drain::close_connections`] on, each answer is the
/// last one of its connection and says so (RFC 9112, section 9.6): a client that was told does not
/// send its next request into a connection that is being closed.
#[derive(Clone, Debug, Default)]
pub struct Drain(Arc<AtomicU8>);

impl Drain {
    /// A server in service.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(AtomicU8::new(SERVING)))
    }

    /// Goes out of service, for good.
    pub fn begin(&self) {
        self.0.fetch_max(LEAVING, Ordering::AcqRel);
    }

    /// Lets every connection end with its next answer.
    pub fn close_connections(&self) {
        self.0.fetch_max(CLOSING, Ordering::AcqRel);
    }

    /// Whether it has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire) >= LEAVING
    }

    /// Whether each answer is the last one of its connection.
    pub(crate) fn closes_connections(&self) -> bool {
        self.0.load(Ordering::Acquire) >= CLOSING
    }
}
