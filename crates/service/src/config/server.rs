//! How requests are served, and what is logged.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    time::Duration,
};

use capykeys_http::{BasePath, Settings};
use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{Authorize, Callers, ClusterToken, ConfigError, InternalTls, forms::whole_millis, rule::broken};

/// The listener of the API.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    /// Where to listen; port 0 takes any free one.
    pub(crate) listen: SocketAddr,
    /// Below which path the API is served, such as `/api/keys`; at the root where it is empty.
    pub(crate) base_path: String,
    /// Threads that serve requests.
    pub(crate) workers: NonZeroUsize,
    /// How long a request may take, its body included, in milliseconds.
    pub(crate) request_timeout_ms: u64,
    /// How long everything is still served after SIGTERM, while the server is not ready, in
    /// milliseconds: as long as load balancers take to send nothing more.
    pub(crate) drain_ms: u64,
    /// How long requests may take to end after that, in milliseconds.
    pub(crate) shutdown_timeout_ms: u64,
    /// How long a connection may wait for its next request, in milliseconds. Longer than load
    /// balancers keep theirs, so that none sends a request into a connection that is being closed.
    pub(crate) idle_timeout_ms: u64,
    /// How many connections each listener keeps open at once, as far as the system allows.
    pub(crate) max_connections: usize,
    /// Whether the system may write the process's memory, keys and peppers in it, to a file when it
    /// crashes, and others of the same user may look into it.
    pub(crate) core_dumps: bool,
}

impl Default for Server {
    fn default() -> Self {
        let defaults = Settings::default();
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            base_path: String::new(),
            workers: NonZeroUsize::new(defaults.workers).unwrap_or(NonZeroUsize::MIN),
            request_timeout_ms: whole_millis(defaults.request_timeout),
            // Kubernetes takes a second or two to remove an endpoint everywhere, clouds' load
            // balancers some more.
            drain_ms: 5_000,
            shutdown_timeout_ms: whole_millis(defaults.shutdown_timeout),
            idle_timeout_ms: whole_millis(defaults.idle_timeout),
            max_connections: defaults.max_connections,
            core_dumps: false,
        }
    }
}

impl Server {
    pub(crate) fn base_path(&self) -> Result<BasePath, ConfigError> {
        let rule = || ConfigError::Invalid(format!("server.base_path {}", BasePath::RULE));
        BasePath::parse(&self.base_path).ok_or_else(rule)
    }

    pub(crate) fn workers(&self) -> u64 {
        u64::try_from(self.workers.get()).unwrap_or(u64::MAX)
    }

    pub(crate) const fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    pub(crate) const fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(crate) const fn drain(&self) -> Duration {
        Duration::from_millis(self.drain_ms)
    }

    pub(crate) const fn shutdown_timeout(&self) -> Duration {
        Duration::from_millis(self.shutdown_timeout_ms)
    }
}

/// The listener for the cluster alone: keep it off the internet.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Internal {
    /// Where to listen; port 0 takes any free one.
    pub(crate) listen: SocketAddr,
    /// Where to listen for Envoy's gRPC; nowhere unless it is set. Port 0 takes any free one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grpc_listen: Option<SocketAddr>,
    /// How its callers prove themselves.
    pub(crate) callers: Callers,
    /// The tokens with which they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<ClusterToken>,
    /// TLS, with which they do where it asks for certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<InternalTls>,
    /// How requests behind gateways are authorized.
    pub(crate) authorize: Authorize,
}

impl Default for Internal {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)),
            grpc_listen: None,
            callers: Callers::default(),
            token: None,
            tls: None,
            authorize: Authorize::default(),
        }
    }
}

/// The log, on standard error.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// How a line looks.
    pub(crate) format: LogFormat,
    /// What is logged: a level, and the levels of targets, such as `info,capykeys_jwks=debug`.
    pub(crate) level: String,
}

impl Log {
    /// What is logged. A word that is no level would name a target, so that all others were silent.
    pub(crate) fn filter(&self) -> Result<Targets, ConfigError> {
        let mut filter = Targets::new();
        let mut default = None;
        for part in self.level.split(',').map(str::trim) {
            let (target, level) =
                part.split_once('=').map_or((None, part), |(target, level)| (Some(target), level));
            let level =
                LEVELS.iter().find(|(name, _)| level.eq_ignore_ascii_case(name)).map(|(_, level)| *level);
            match (target, level) {
                (None, Some(level)) if default.is_none() => default = Some(level),
                (Some(target), Some(level)) if is_target(target) => {
                    filter = filter.with_target(target, level);
                }
                _ => return Err(level_rule()),
            }
        }
        Ok(filter.with_default(default.ok_or_else(level_rule)?))
    }
}

const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// A path of modules.
fn is_target(target: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    !target.is_empty() && target.bytes().all(inner)
}

fn level_rule() -> ConfigError {
    broken(
        "log.level",
        "must be one of trace, debug, info, warn, error and off, and may have levels of targets behind it, such as \
         `info,capykeys_jwks=debug`",
    )
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Pretty, level: "info,actix_server=warn".to_owned() }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Pretty,
    /// For programs: one object a line.
    Json,
}
