//! Going out of service.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Tells the server that it is about to stop: from [`Drain::begin`] on, `/readyz` answers 503, so
/// that load balancers send nothing new, while everything else is served as before.
#[derive(Clone, Debug, Default)]
pub struct Drain(Arc<AtomicBool>);

impl Drain {
    /// A server in service.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes out of service, for good.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
