//! The gateways: how each is configured and started, and what is peculiar to it.

pub(crate) mod caddy;
pub(crate) mod envoy;
pub(crate) mod envoy_gateway;
pub(crate) mod envoy_grpc;
pub(crate) mod haproxy;
pub(crate) mod nginx;
pub(crate) mod nginx_gateway_fabric;
pub(crate) mod traefik;
pub(crate) mod traefik_kubernetes;

use std::{net::SocketAddr, path::Path, time::Duration};

/// What a test has to know of a gateway.
pub(crate) struct Gateway {
    /// The name of its folder in `deploy/gateways`.
    pub(crate) name: &'static str,
    /// The name of its program.
    pub(crate) program: &'static str,
    /// How it asks the service.
    pub(crate) interface: Interface,
    /// The files of its configuration.
    pub(crate) files: &'static [&'static str],
    /// The arguments that start it in the foreground, where its files are in the folder.
    pub(crate) arguments: fn(&Path) -> Vec<String>,
    /// What stands in the files, and what has to stand there instead.
    pub(crate) replacements: fn(&Place<'_>) -> Vec<(&'static str, String)>,
    /// Whether it speaks HTTP/2 at another address than HTTP/1.1.
    pub(crate) http2_apart: bool,
    /// Whether what follows a chunked body is kept from the API.
    pub(crate) drops_trailers: bool,
    /// How many header fields of a client it passes on, and those that it adds.
    pub(crate) fields: usize,
    /// What becomes of a semicolon in a query.
    pub(crate) semicolon: &'static str,
    /// What a client is told while the service does not answer.
    pub(crate) outage: Outage,
    /// Within which a client is told so.
    pub(crate) patience: Duration,
}

/// How a gateway asks the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interface {
    /// `/authorize/…`
    Http,
    /// `envoy.service.auth.v3.Authorization/Check`
    Grpc,
}

/// What a client is told while the service does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outage {
    /// 503 with `Retry-After` and a body, as the service itself would say it.
    Explained,
    /// A status, and nothing else.
    Bare(u16),
}

/// Where everything is in a test.
pub(crate) struct Place<'a> {
    /// Of the gateway's own files.
    pub(crate) directory: &'a Path,
    /// Where it accepts clients.
    pub(crate) clients: SocketAddr,
    /// Where it accepts clients with HTTP/2, if it cannot do so at the same address.
    pub(crate) http2: SocketAddr,
    /// Where the API is.
    pub(crate) upstream: SocketAddr,
    /// Where the service is.
    pub(crate) service: SocketAddr,
}

/// Of a gateway that has a time limit of a second, on a busy machine.
const IN_TIME: Duration = Duration::from_secs(5);
