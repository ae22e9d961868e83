//! Traefik, with `forwardAuth`.

use std::time::Duration;

use super::{Gateway, Interface, Outage};

/// See `deploy/gateways/traefik`.
pub const GATEWAY: Gateway = Gateway {
    name: "traefik",
    program: "traefik",
    interface: Interface::Http,
    files: &["traefik.yaml", "routes.yaml"],
    arguments: |_| vec!["--configFile=traefik.yaml".to_owned()],
    replacements: |place| {
        vec![
            ("/etc/traefik/routes.yaml", place.directory.join("routes.yaml").to_string_lossy().into_owned()),
            ("0.0.0.0:8000", place.clients.to_string()),
            ("127.0.0.1:9000", place.upstream.to_string()),
            ("127.0.0.1:8081", place.service.to_string()),
        ]
    },
    http2_apart: false,
    drops_trailers: true,
    fields: 95,
    semicolon: "%3B",
    outage: Outage::Bare(500),
    // Its own limit is 30 s, and it has no setting for it.
    patience: Duration::from_secs(40),
};
