//! What can be set.

use std::{sync::Arc, time::Duration};

use tokio_rustls::rustls::ServerConfig;

/// How the server behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// TLS, where the listener has any, with a certificate asked of callers where they are to prove
    /// themselves. HTTP/2 is all that is spoken inside (ALPN `h2`).
    pub tls: Option<Arc<ServerConfig>>,
    /// Connections at once. More wait in the listener's queue.
    pub max_connections: usize,
    /// How long the answer to a check may take, and a TLS handshake.
    pub request_timeout: Duration,
    /// How long checks may go on after a stop was asked for.
    pub shutdown_timeout: Duration,
}
