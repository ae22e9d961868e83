//! HAProxy, with a script that asks.

use super::{Gateway, IN_TIME, Interface, Outage};

/// See `deploy/gateways/haproxy`.
pub const GATEWAY: Gateway = Gateway {
    name: "haproxy",
    program: "haproxy",
    interface: Interface::Http,
    files: &["haproxy.cfg", "capykeys.lua"],
    arguments: |_| ["-db", "-f", "haproxy.cfg"].map(str::to_owned).to_vec(),
    replacements: |place| {
        let script = place.directory.join("capykeys.lua");
        vec![
            ("/etc/haproxy/capykeys.lua", script.to_string_lossy().into_owned()),
            ("0.0.0.0:8000", place.clients.to_string()),
            ("127.0.0.1:9000", place.upstream.to_string()),
            ("127.0.0.1:8081", place.service.to_string()),
        ]
    },
    http2_apart: false,
    // Newer than 3.1 it does.
    drops_trailers: false,
    fields: 80,
    semicolon: ";",
    outage: Outage::Explained,
    patience: IN_TIME,
};
