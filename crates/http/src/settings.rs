//! What can be set.

use std::{num::NonZero, thread, time::Duration};

/// How the server behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Threads that serve requests: 1 to [`MAX_WORKERS`](Self::MAX_WORKERS).
    pub workers: usize,
    /// Connections at once, over all workers. More wait in the listener's queue.
    pub max_connections: usize,
    /// How long a request may take: its head and its body to arrive, and its answer to begin. Also
    /// how long a client may take nothing of an answer.
    pub request_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
    /// How long requests may go on after a stop was asked for; rounded up to whole seconds.
    pub shutdown_timeout: Duration,
}

impl Settings {
    /// The most workers that actix-server runs.
    pub const MAX_WORKERS: usize = 512;
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: thread::available_parallelism().map_or(2, NonZero::get).min(Self::MAX_WORKERS),
            max_connections: 25_000,
            request_timeout: Duration::from_secs(10),
            // Longer than the 60 s that are common among load balancers.
            idle_timeout: Duration::from_secs(75),
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}
