//! The real fetcher against a server on loopback.

use std::{sync::Arc, time::Duration};

use capykeys_clerk::{
    ClerkVerifier, FetchError, FetchJwks, HttpFetcher, InstanceSettings, MAX_JWKS_BYTES, PublicKeySource,
};
use capykeys_domain::ports::SessionVerifier;

use crate::support::{FakeClock, Reply, Server, bearer, good_token, instance, jwks, signing_key};

async fn fetch(reply: Reply) -> Result<Vec<u8>, FetchError> {
    let server = Server::start(reply).await;
    HttpFetcher::new().unwrap().fetch(&server.url).await
}

#[tokio::test]
async fn the_body_of_a_200_is_fetched() {
    let body = jwks(&[signing_key().jwk("ins_1")]);
    assert_eq!(fetch(Reply::with("200 OK", "", &body)).await, Ok(body.into_bytes()));
}

#[tokio::test]
async fn other_statuses_are_failures_whatever_the_body() {
    let body = jwks(&[signing_key().jwk("ins_1")]);
    for (status, code) in [
        ("201 Created", 201),
        ("204 No Content", 204),
        ("401 Unauthorized", 401),
        ("404 Not Found", 404),
        ("500 Internal Server Error", 500),
        ("503 Service Unavailable", 503),
    ] {
        assert_eq!(fetch(Reply::with(status, "", &body)).await, Err(FetchError::Status(code)));
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = Server::start(Reply::with("200 OK", "", &jwks(&[signing_key().jwk("ins_1")]))).await;
    for (status, code) in
        [("301 Moved Permanently", 301), ("302 Found", 302), ("307 Temporary Redirect", 307)]
    {
        let reply = Reply::with(status, &format!("location: {}\r\n", target.url), "");
        assert_eq!(fetch(reply).await, Err(FetchError::Status(code)));
    }
    assert_eq!(target.requests(), 0);
}

#[tokio::test]
async fn bodies_over_64_kib_are_given_up() {
    let longest = "x".repeat(MAX_JWKS_BYTES);
    assert_eq!(fetch(Reply::with("200 OK", "", &longest)).await, Ok(longest.clone().into_bytes()));
    let longer = format!("{longest}x");
    assert_eq!(fetch(Reply::with("200 OK", "", &longer)).await, Err(FetchError::TooLarge));
    assert_eq!(fetch(Reply::Endless(10 * 1024 * 1024)).await, Err(FetchError::TooLarge));
}

#[tokio::test]
async fn an_answer_that_is_no_http_or_breaks_off_is_a_failure() {
    let broken: [&[u8]; 4] = [
        b"",
        b"\x16\x03\x01garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"keys\":",
    ];
    for bytes in broken {
        assert_eq!(fetch(Reply::Bytes(bytes.to_vec())).await, Err(FetchError::Interrupted), "{bytes:?}");
    }
}

// Time is paused, so that it jumps to the next timer as soon as everything waits.
#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_in_three_seconds_is_given_up() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"keys\":".to_vec();
    for sent in [Vec::new(), head] {
        let begin = tokio::time::Instant::now();
        assert_eq!(fetch(Reply::Stall(sent)).await, Err(FetchError::Timeout));
        assert!(begin.elapsed() < Duration::from_secs(4));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_failure() {
    let server = Server::start(Reply::Bytes(Vec::new())).await;
    let url = server.url.clone();
    server.stop().await;
    assert_eq!(HttpFetcher::new().unwrap().fetch(&url).await, Err(FetchError::Connect));
}

/// As with actix: each worker is a runtime of its own, and comes and goes.
#[test]
fn tokens_are_verified_from_several_runtimes_with_one_fetch() {
    let background = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let background = background.unwrap();
    let answer = Reply::with("200 OK", "", &jwks(&[signing_key().jwk("ins_1")]));
    let server = background.block_on(Server::start(answer));
    let settings =
        vec![InstanceSettings { keys: PublicKeySource::JwksUrl(server.url.clone()), ..instance() }];
    let fetcher = Arc::new(HttpFetcher::new().unwrap());
    let handle = background.handle().clone();
    let verifier = ClerkVerifier::new(settings, Arc::new(FakeClock::new()), fetcher, handle).unwrap();
    verifier.warm_up();
    for _ in 0..3 {
        let worker = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert!(worker.block_on(verifier.verify_session(&bearer(&good_token().sign()))).is_ok());
    }
    assert_eq!(server.requests(), 1);
}
