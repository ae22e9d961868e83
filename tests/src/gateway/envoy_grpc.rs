//! Envoy, with `ext_authz` over gRPC.

use super::{Gateway, Interface, envoy};

/// See `deploy/gateways/envoy-grpc`.
pub const GATEWAY: Gateway = Gateway {
    name: "envoy-grpc",
    interface: Interface::Grpc,
    replacements: |place| envoy::replacements(place, "{ address: 127.0.0.1, port_value: 8082 }"),
    ..envoy::GATEWAY
};
