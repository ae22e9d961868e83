//! How requests are served, and what is logged.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    time::Duration,
};

use capykeys_http::{BasePath, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{Authorize, Callers, ClusterToken, ConfigError, InternalTls, Period, rule::broken};

/// The listener of the API.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    /// Where the API listens; port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// Below which path the API is served; health is served at the root too. Leave it out where a gateway strips the
    /// prefix.
    #[schemars(example = &"/api/keys")]
    pub(crate) base_path: String,
    /// Threads that serve requests, up to 512.
    #[schemars(example = 4, extend("x-default" = "the number of cores"))]
    pub(crate) workers: NonZeroUsize,
    /// How long a request may take, its body included: `100ms` to `1h`.
    pub(crate) request_timeout: Period,
    /// How long everything is still served after SIGTERM, while the server is not ready: as long as load balancers
    /// take to send nothing more.
    pub(crate) drain: Period,
    /// How long requests may take to end after that; `0s` ends them at once.
    pub(crate) shutdown_timeout: Period,
    /// How long a connection may wait for its next request: longer than load balancers keep theirs, so that none sends
    /// a request into a connection that is being closed.
    pub(crate) idle_timeout: Period,
    /// How many connections each listener keeps open at once, as far as the system allows.
    pub(crate) max_connections: usize,
    /// Whether the system may write the process's memory, keys and peppers in it, to a file when it crashes, and others
    /// of the same user may look into it.
    pub(crate) core_dumps: bool,
    /// Whether nothing is written, for while a store is moved: keys are verified and listed as ever, and whoever would
    /// change something gets 503. It is read again from the file when that changes, and at SIGHUP.
    pub(crate) read_only: bool,
}

impl Default for Server {
    fn default() -> Self {
        let defaults = Settings::default();
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            base_path: String::new(),
            workers: NonZeroUsize::new(defaults.workers).unwrap_or(NonZeroUsize::MIN),
            request_timeout: defaults.request_timeout.into(),
            // Kubernetes takes a second or two to remove an endpoint everywhere, clouds' load
            // balancers some more.
            drain: Period::millis(5_000),
            shutdown_timeout: defaults.shutdown_timeout.into(),
            idle_timeout: defaults.idle_timeout.into(),
            max_connections: defaults.max_connections,
            core_dumps: false,
            read_only: false,
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
        self.request_timeout.duration()
    }

    pub(crate) const fn idle_timeout(&self) -> Duration {
        self.idle_timeout.duration()
    }

    pub(crate) const fn drain(&self) -> Duration {
        self.drain.duration()
    }

    pub(crate) const fn shutdown_timeout(&self) -> Duration {
        self.shutdown_timeout.duration()
    }
}

/// The listener for the cluster alone: keep it off the internet.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Internal {
    /// Where keys are verified, gateways ask and `/metrics` is served; port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// Where Envoy asks over gRPC; nowhere unless it is set. Port 0 takes a free one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"127.0.0.1:8082")]
    pub(crate) grpc_listen: Option<SocketAddr>,
    /// How callers there prove themselves.
    pub(crate) callers: Callers,
    /// The cluster's tokens, for `callers = "token"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<ClusterToken>,
    /// TLS, which asks for certificates with `callers = "certificate"`.
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
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// How a line looks.
    pub(crate) format: LogFormat,
    /// What is logged: `off`, `error`, `warn`, `info`, `debug` or `trace`, and behind it levels of targets, such as
    /// `info,capykeys_jwks=debug`. It is read again from the file when that changes, and at SIGHUP.
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
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Pretty,
    /// For programs: one object a line.
    Json,
}
