//! NGINX Gateway Fabric, with a `SnippetsPolicy`.

use super::{Gateway, nginx};

/// See `deploy/kubernetes/gateways/nginx-gateway-fabric`: its snippets, on nginx itself.
pub const GATEWAY: Gateway = Gateway {
    name: "nginx-gateway-fabric",
    program: "nginx-gateway-fabric",
    files: &[
        "../../kubernetes/gateways/nginx-gateway-fabric/gateway.yaml",
        "../../../tests/kubernetes/stand/nginx-gateway-fabric.conf",
    ],
    arguments: |_| Vec::new(),
    replacements: |place| {
        vec![
            ("capykeys-internal.capykeys.svc:8081", place.service.to_string()),
            // The service of these tests is on loopback.
            ("https://capykeys/", "http://capykeys/".to_owned()),
            ("/run/nginx.pid", place.directory.join("nginx.pid").to_string_lossy().into_owned()),
            ("0.0.0.0:8000", place.clients.to_string()),
            ("0.0.0.0:8002", place.http2.to_string()),
            ("127.0.0.1:9000", place.upstream.to_string()),
        ]
    },
    ..nginx::GATEWAY
};
