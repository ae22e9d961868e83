//! Envoy Gateway, with a `SecurityPolicy`.

use super::{Gateway, Outage, envoy};

/// See `deploy/kubernetes/gateways/envoy-gateway`. What it makes of a request is what [`envoy`] makes of it.
pub const GATEWAY: Gateway = Gateway {
    program: "envoy-gateway",
    files: &[
        "../../kubernetes/gateways/envoy-gateway/gateway.yaml",
        "../../../tests/kubernetes/stand/backends.yaml",
    ],
    arguments: |_| Vec::new(),
    replacements: |place| {
        let backend = |name| format!("{{group: gateway.envoyproxy.io, kind: Backend, name: {name}");
        vec![
            ("protocol: HTTP, port: 80}", format!("protocol: HTTP, port: {}}}", place.clients.port())),
            ("{name: api, port: 80}", backend("api") + "}"),
            (
                "{name: capykeys-internal, namespace: capykeys, port: 8081}",
                // Without a cluster, a grant for another namespace is not found.
                backend("capykeys-internal") + "}",
            ),
            ("port: 9000", format!("port: {}", place.upstream.port())),
            ("address: 127.0.0.1, port: 8081", format!("address: 127.0.0.1, port: {}", place.service.port())),
        ]
    },
    // It has no setting for the body of an answer of its own alone.
    outage: Outage::Bare(503),
    ..envoy::GATEWAY
};
