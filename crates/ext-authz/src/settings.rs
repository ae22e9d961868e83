//! What can be set.

use std::time::Duration;

/// How the server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Connections at once. More wait in the listener's queue.
    pub max_connections: usize,
    /// How long the answer to a check may take.
    pub request_timeout: Duration,
    /// How long checks may go on after a stop was asked for.
    pub shutdown_timeout: Duration,
}
