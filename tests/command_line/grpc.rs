//! The listener for gRPC.

use std::{net::TcpStream, sync::Arc, time::Duration};

use capykeys_tests::{
    Installation, Server, Store,
    envoy::{block_on, connect},
};
use rustix::process::Signal;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn nothing_listens_for_it_unless_it_is_asked_for() {
    let server = Server::start(&Arc::new(Installation::new(Store::first()).unset("INTERNAL__GRPC_LISTEN")));
    assert!(!server.log.text().contains("gRPC"), "{}", server.log.text());
}

#[test]
fn whoever_cannot_prove_himself_has_to_be_on_this_machine() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8082"] {
        for command in [&["config", "check"][..], &["serve"]] {
            let installation = Installation::bare().set("INTERNAL__GRPC_LISTEN", address);
            let output = installation.run_briefly(command);
            let line = output.expect_failure();
            assert!(line.contains("internal.grpc_listen") && line.contains("loopback"), "{line}");
            assert!(!installation.directory().join("capykeys-data").exists(), "it has begun to serve");
        }
    }
}

#[test]
fn sigterm_is_told_to_whoever_watches_and_ends_it_with_0() {
    let server = Server::start(&Arc::new(Installation::new(Store::first())));
    let address = server.grpc_address();
    block_on(async {
        let request = HealthCheckRequest { service: "envoy.service.auth.v3.Authorization".to_owned() };
        let mut watched =
            HealthClient::new(connect(address).await).watch(request).await.unwrap().into_inner();
        assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        server.signal(Signal::TERM);
        let next = tokio::time::timeout(LIMIT, watched.message()).await.unwrap();
        assert_eq!(next.unwrap().unwrap().status(), ServingStatus::NotServing);
    });
    assert_eq!(server.wait_for_exit(LIMIT).code(), Some(0), "{}", server.log.text());
    assert!(TcpStream::connect(address).is_err());
}
