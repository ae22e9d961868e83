//! When something is wrong here: never an error of gRPC, which a gateway might let through.

use std::time::Duration;

use capykeys_conformance::service::Mood;
use capykeys_ext_authz::Settings;
use capykeys_gateway::Gateways;
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;

use crate::support::{SETTINGS, Site, ask, header, let_through, refused};

#[tokio::test]
async fn a_store_that_is_down_is_503_and_no_error_of_grpc() {
    let site = Site::new().await;
    let key = site.key(&["jobs:read"]).await;
    site.service.mood.send_replace(Mood::Unavailable);
    let request = ask("/", &[("x-api-key", key.plaintext.expose())], &[]);
    let (denied, sentence) = refused(site.check(request.clone()).await, 503);
    assert_eq!(header(&denied.headers, "retry-after"), Some("1"));
    assert_eq!(sentence, "The service is not available right now.");
    // What cannot be a key needs no store.
    refused(site.check(ask("/", &[("x-api-key", "capy_live_x")], &[])).await, 401);
    site.service.mood.send_replace(Mood::Good);
    let_through(site.check(request).await);
}

#[tokio::test]
async fn a_store_that_hangs_is_503_within_the_time_limit() {
    let settings = Settings { request_timeout: Duration::from_millis(50), ..SETTINGS };
    let site = Site::with(Gateways::default(), settings).await;
    let key = site.key(&["jobs:read"]).await;
    site.service.mood.send_replace(Mood::Hangs);
    let (denied, _) = refused(site.check(ask("/", &[("x-api-key", key.plaintext.expose())], &[])).await, 503);
    assert_eq!(header(&denied.headers, "retry-after"), Some("1"));
}

#[tokio::test]
async fn a_panic_is_503_and_the_connection_goes_on() {
    let site = Site::new().await;
    let key = site.key(&["jobs:read"]).await;
    let request = ask("/", &[("x-api-key", key.plaintext.expose())], &[]);
    let mut client = AuthorizationClient::new(site.connect().await);
    site.service.mood.send_replace(Mood::Panics);
    let (_, sentence) = refused(client.check(request.clone()).await.unwrap().into_inner(), 503);
    assert_eq!(sentence, "The service is not available right now.");
    site.service.mood.send_replace(Mood::Good);
    let_through(client.check(request).await.unwrap().into_inner());
}

#[tokio::test]
async fn headers_far_above_what_envoy_takes_are_read_and_larger_ones_are_not() {
    let site = Site::new().await;
    let key = site.key(&["jobs:read"]).await;
    let ask_with =
        |filler: &str| ask("/", &[("x-api-key", key.plaintext.expose()), ("x-filler", filler)], &[]);
    let_through(site.check(ask_with(&"x".repeat(1_000_000))).await);
    let mut client = AuthorizationClient::new(site.connect().await);
    assert!(client.check(ask_with(&"x".repeat(1_100_000))).await.is_err());
}
