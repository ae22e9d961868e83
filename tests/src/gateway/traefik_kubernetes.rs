//! Traefik, with a `Middleware` of its Kubernetes provider.

use super::{Gateway, traefik};

/// See `deploy/kubernetes/gateways/traefik`. What it makes of a request is what [`traefik`] makes of it.
pub const GATEWAY: Gateway = Gateway {
    program: "traefik-kubernetes",
    files: &[
        "../../kubernetes/gateways/traefik/routes.yaml",
        "../../kubernetes/gateways/traefik/values.yaml",
        "../../../tests/kubernetes/stand/services.yaml",
        "../../../tests/kubernetes/stand/address",
    ],
    arguments: |_| Vec::new(),
    replacements: |place| {
        vec![
            ("https://capykeys-internal.capykeys.svc:8081", format!("http://{}", place.service)),
            // The service of these tests is on loopback.
            ("tls: {caSecret: capykeys-gateway-tls, certSecret: capykeys-gateway-tls}", String::new()),
            ("0.0.0.0:8000", place.clients.to_string()),
            ("port: 9000", format!("port: {}", place.upstream.port())),
        ]
    },
    ..traefik::GATEWAY
};
