//! The listener for the cluster with TLS.

use std::{sync::Arc, time::Duration};

use capykeys_http::Internal;
use capykeys_testkit::Authority;
use serde_json::json;

use crate::support::{Answer, Connection, Site, internal};

pub(crate) const CLIENT: &str = "spiffe://example.org/gateway";
const LIVEZ: &[u8] = b"GET /livez HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";

pub(crate) async fn with_certificates(authority: &Authority) -> Site {
    site(authority, Duration::from_secs(10)).await
}

async fn site(authority: &Authority, request_timeout: Duration) -> Site {
    Site::internal_with(Internal { tls: Some(authority.server()), ..internal() }, request_timeout).await
}

fn connect(site: &Site, authority: &Authority) -> Connection {
    Connection::open_tls(site.address, authority.client(Some(authority), CLIENT))
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_inside_of_tls() {
    let authority = Authority::default();
    let site = with_certificates(&authority).await;
    assert_eq!(connect(&site, &authority).finish(LIVEZ).status, 200);

    let question = json!({"api_key": "capy_live_x"});
    let body = json!({"verifications": vec![question; 100]}).to_string();
    let head = "POST /v1/api-keys/verify-batch HTTP/1.1\r\nhost: test\r\ncontent-type: application/json";
    let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut connection = connect(&site, &authority);
    for _ in 0..3 {
        connection.send(request.as_bytes());
        let answer = connection.read_answer();
        assert_eq!(answer.json()["results"].as_array().unwrap().len(), 100);
    }
    connection.finish(b"GET\r\n\r\n").error(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_without_a_certificate_of_the_authority_get_no_answer() {
    let (authority, other) = (Authority::default(), Authority::default());
    let site = with_certificates(&authority).await;
    for config in [authority.client(None, CLIENT), authority.client(Some(&other), CLIENT)] {
        let mut connection = Connection::open_tls(site.address, config);
        // With TLS 1.3, the client may send before it learns that it is refused.
        connection.try_send(LIVEZ);
        assert_eq!(connection.read_to_end(), b"");
    }
    let mut plain = site.connect();
    plain.send(LIVEZ);
    let answer = plain.read_to_end();
    assert!(!answer.starts_with(b"HTTP/"), "{}", answer.escape_ascii());
    assert_eq!(connect(&site, &authority).finish(LIVEZ).status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_stalls_is_given_up_and_holds_nobody_up() {
    let authority = Authority::default();
    let site = site(&authority, Duration::from_millis(500)).await;
    let mut stalled: Vec<_> = (0..20).map(|_| site.connect()).collect();
    for connection in &mut stalled[10..] {
        connection.send(b"\x16\x03\x01\x02\x00\x01");
    }
    assert_eq!(connect(&site, &authority).finish(LIVEZ).status, 200);
    for mut connection in stalled {
        assert_eq!(connection.read_to_end(), b"");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_slow_inside_of_tls_is_408() {
    let authority = Authority::default();
    let site = site(&authority, Duration::from_millis(500)).await;
    let answer = connect(&site, &authority).finish(b"GET /livez HTTP/1.1\r\nhost:");
    assert_eq!(answer.error(408), "The request took too long to arrive.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_stop_waits_for_no_handshake() {
    let authority = Authority::default();
    let site = with_certificates(&authority).await;
    let mut connection = site.connect();
    // Once this is answered, the other one was accepted too.
    assert_eq!(connect(&site, &authority).finish(LIVEZ).status, 200);
    tokio::time::timeout(Duration::from_secs(8), site.handle.stop(true)).await.unwrap();
    assert_eq!(connection.read_to_end(), b"");
}

/// A listener with so large an answer that it cannot all be on its way, and one connection at a time.
async fn with_a_large_answer(authority: &Authority) -> Site {
    let metrics = Arc::new(|| Some("x".repeat(32 * 1024 * 1024)));
    let internal = Internal { tls: Some(authority.server()), metrics, ..internal() };
    Site::with_one_connection(internal, Duration::from_millis(500)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
    let authority = Authority::default();
    let site = with_a_large_answer(&authority).await;
    let mut lazy = connect(&site, &authority);
    lazy.send(b"GET /metrics HTTP/1.1\r\nhost: test\r\n\r\n");
    lazy.read_some();
    let answer: Answer = connect(&site, &authority).finish(LIVEZ);
    assert_eq!(answer.status, 200, "served once the other one was given up");
}
