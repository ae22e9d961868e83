//! Caddy, with `forward_auth`.

use super::{Gateway, IN_TIME, Interface, Outage};

/// See `deploy/gateways/caddy`.
pub const GATEWAY: Gateway = Gateway {
    name: "caddy",
    program: "caddy",
    interface: Interface::Http,
    files: &["Caddyfile"],
    arguments: |_| ["run", "--config", "Caddyfile"].map(str::to_owned).to_vec(),
    replacements: |place| {
        vec![
            ("http://:8000", format!("http://:{}", place.clients.port())),
            ("bind 0.0.0.0", format!("bind {}", place.clients.ip())),
            ("127.0.0.1:9000", place.upstream.to_string()),
            ("127.0.0.1:8081", place.service.to_string()),
        ]
    },
    http2_apart: false,
    drops_trailers: true,
    fields: 95,
    semicolon: ";",
    outage: Outage::Explained,
    patience: IN_TIME,
};
