//! nginx, with `auth_request`.

use super::{Gateway, IN_TIME, Interface, Outage};

/// See `deploy/gateways/nginx`.
pub const GATEWAY: Gateway = Gateway {
    name: "nginx",
    program: "nginx",
    interface: Interface::Http,
    files: &["nginx.conf"],
    arguments: |directory| {
        let directory = directory.to_string_lossy();
        let arguments = ["-p", &directory, "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"];
        arguments.map(str::to_owned).to_vec()
    },
    replacements: |place| {
        vec![
            ("/run/nginx.pid", place.directory.join("nginx.pid").to_string_lossy().into_owned()),
            ("0.0.0.0:8000", place.clients.to_string()),
            ("0.0.0.0:8002", place.http2.to_string()),
            ("127.0.0.1:9000", place.upstream.to_string()),
            ("127.0.0.1:8081", place.service.to_string()),
        ]
    },
    http2_apart: true,
    drops_trailers: true,
    fields: 95,
    semicolon: ";",
    outage: Outage::Explained,
    patience: IN_TIME,
};
