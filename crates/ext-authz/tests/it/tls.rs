//! The listener with TLS, where callers prove themselves with certificates.

use std::time::Duration;

use capykeys_ext_authz::Settings;
use capykeys_gateway::Gateways;
use capykeys_testkit::Authority;
use envoy_types::{
    ext_authz::v3::pb::CheckResponse, pb::envoy::service::auth::v3::authorization_client::AuthorizationClient,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{SETTINGS, Site, ask, let_through};

const CLIENT: &str = "spiffe://example.org/gateway";

async fn with_certificates(authority: &Authority) -> Site {
    let settings =
        Settings { tls: Some(authority.server()), request_timeout: Duration::from_millis(500), ..SETTINGS };
    Site::with(Gateways::default(), settings).await
}

/// Asks on a connection of its own; none where there is no answer.
async fn ask_as(site: &Site, authority: &Authority, signer: Option<&Authority>) -> Option<CheckResponse> {
    let channel = site.connect_tls(authority.client(signer, CLIENT)).await.ok()?;
    let request = ask("/", &[], &[("anonymous", "allow")]);
    AuthorizationClient::new(channel).check(request).await.ok().map(tonic::Response::into_inner)
}

#[tokio::test]
async fn only_callers_with_a_certificate_of_the_authority_are_answered() {
    let (authority, other) = (Authority::speaking("h2"), Authority::speaking("h2"));
    let site = with_certificates(&authority).await;
    let_through(ask_as(&site, &authority, Some(&authority)).await.unwrap());
    assert!(ask_as(&site, &authority, None).await.is_none());
    assert!(ask_as(&site, &authority, Some(&other)).await.is_none());
    let_through(ask_as(&site, &authority, Some(&authority)).await.unwrap());
}

#[tokio::test]
async fn without_tls_nothing_is_answered() {
    let authority = Authority::speaking("h2");
    let site = with_certificates(&authority).await;
    let mut plain = tokio::net::TcpStream::connect(site.address).await.unwrap();
    plain.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    // An alert of TLS at the most.
    assert!(answer.len() <= 7, "{}", answer.escape_ascii());
}

#[tokio::test]
async fn a_handshake_that_stalls_is_given_up_and_holds_nobody_up() {
    let authority = Authority::speaking("h2");
    let site = with_certificates(&authority).await;
    let mut stalled = Vec::new();
    for _ in 0..20 {
        stalled.push(tokio::net::TcpStream::connect(site.address).await.unwrap());
    }
    let_through(ask_as(&site, &authority, Some(&authority)).await.unwrap());
    for mut stream in stalled {
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
    }
}
