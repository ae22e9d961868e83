//! Envoy, with `ext_authz` over HTTP.

use std::net::SocketAddr;

use super::{Gateway, IN_TIME, Interface, Outage, Place};

/// See `deploy/gateways/envoy`.
pub const GATEWAY: Gateway = Gateway {
    name: "envoy",
    program: "envoy",
    interface: Interface::Http,
    files: &["envoy.yaml"],
    arguments: |_| {
        let arguments = ["-c", "envoy.yaml", "--disable-hot-restart", "--concurrency", "2"];
        [&arguments[..], &["--log-level", "warning"]].concat().into_iter().map(str::to_owned).collect()
    },
    replacements: |place| replacements(place, "{ address: 127.0.0.1, port_value: 8081 }"),
    http2_apart: false,
    drops_trailers: true,
    fields: 80,
    semicolon: ";",
    outage: Outage::Explained,
    patience: IN_TIME,
};

/// What stands in the file, where it has the service at the address `service`.
pub(super) fn replacements(place: &Place<'_>, service: &'static str) -> Vec<(&'static str, String)> {
    let address =
        |address: SocketAddr| format!("{{ address: {}, port_value: {} }}", address.ip(), address.port());
    vec![
        ("{ address: 0.0.0.0, port_value: 8000 }", address(place.clients)),
        ("{ address: 127.0.0.1, port_value: 9000 }", address(place.upstream)),
        (service, address(place.service)),
    ]
}
