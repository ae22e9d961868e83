//! What a listener serves.

use std::sync::Arc;

use capykeys_domain::usecases::Management;
use capykeys_gateway::Gateways;
use capykeys_pages::Page;
use tokio_rustls::rustls::ServerConfig;

use crate::{base_path::BasePath, cluster::ClusterAuthentication, openapi::SecretsCovered};

/// Writes the metrics in the text format of Prometheus; `None` where that fails.
pub type Metrics = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// What a listener serves.
#[derive(Clone)]
pub enum Surface {
    /// The API, for callers who sign in.
    Public(Public),
    /// What is for the cluster alone: verdicts on keys, metrics, and health.
    Internal(Box<Internal>),
}

/// What the listener of the API is set up with.
#[derive(Clone)]
pub struct Public {
    /// Below which path it is served.
    pub base_path: BasePath,
    /// What its callers do with keys.
    pub management: Arc<Management>,
    /// What is served to people beside it.
    pub pages: Vec<Page>,
    /// That its documents mark every secret, and its log shows none.
    pub secrets: SecretsCovered,
}

/// What the listener for the cluster is set up with.
#[derive(Clone)]
pub struct Internal {
    /// Writes the metrics.
    pub metrics: Metrics,
    /// How requests behind gateways are authorized.
    pub gateways: Gateways,
    /// How callers prove themselves.
    pub callers: ClusterAuthentication,
    /// TLS, where the listener has any. HTTP/1.1 is all that is spoken inside.
    pub tls: Option<Arc<ServerConfig>>,
}
