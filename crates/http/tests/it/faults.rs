//! What callers see when something behind the interface fails.

use std::time::Duration;

use capykeys_conformance::service::Mood;

use crate::support::{Answer, Connection, Site};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_there_is_503_with_retry_after_and_without_its_text() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    site.service.mood.send_replace(Mood::Unavailable);
    for path in ["/v1/me".to_owned(), site.keys_path()] {
        let answer = site.send_as(&key, "GET", &path, "");
        assert_eq!(answer.error(503), "The service is not available right now.");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_500_and_the_server_goes_on() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    site.service.mood.send_replace(Mood::Panics);
    let answer = site.send_as(&key, "GET", "/v1/me", "");
    assert_eq!(answer.error(500), "Something went wrong here.");
    site.service.mood.send_replace(Mood::Good);
    assert_eq!(site.send_as(&key, "GET", "/v1/me", "").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_503_to_a_gateway() {
    let site = Site::internal().await;
    let key = site.key(&["*"]).await;
    site.service.mood.send_replace(Mood::Panics);
    let answer = site.send_as(&key, "GET", "/authorize/forward-auth", "");
    assert_eq!(answer.error(503), "The service is not available right now.");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_case_that_takes_too_long_is_503() {
    let site = Site::with_limit(Duration::from_millis(200)).await;
    let key = site.key(&["*"]).await;
    site.service.mood.send_replace(Mood::Hangs);
    let answer = site.send_as(&key, "GET", "/v1/me", "");
    assert_eq!(answer.error(503), "The service is not available right now.");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_fails_on_its_way_is_seen_to_be_incomplete() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    for _ in 0..600 {
        site.key(&["jobs:read"]).await;
    }
    assert_eq!(
        site.send_as(&key, "GET", &site.keys_path(), "").json()["api_keys"].as_array().unwrap().len(),
        601
    );
    site.service.mood.send_replace(Mood::SecondPageFails);
    let answer = site.send_as(&key, "GET", &site.keys_path(), "");
    assert_eq!(answer.status, 200);
    assert!(!answer.complete);
    // Of HEAD nothing is read that is not sent: what fails on its way is not asked for.
    let mut connection = site.connect();
    let head = format!("HEAD {} HTTP/1.1\r\nhost: test\r\nx-api-key: ", site.keys_path());
    let after = "GET /livez HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    connection.send(format!("{head}{}\r\n\r\n{after}", key.plaintext.expose()).as_bytes());
    let listing = Answer::parse_without_body(&connection.read_to_end());
    assert_eq!((listing.status, Connection::parse(&listing.rest).status), (200, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_the_store_and_the_drain_and_liveness_neither() {
    let site = Site::new().await;
    let get = |path| site.send("GET", path, &[], "");
    assert_eq!(get("/readyz").body, r#"{"status":"ready"}"#);
    site.service.mood.send_replace(Mood::Unavailable);
    assert_eq!(get("/readyz").error(503), "The service is not available right now.");
    assert_eq!(get("/livez").body, r#"{"status":"ok"}"#);
    site.service.mood.send_replace(Mood::Good);
    assert_eq!(get("/readyz").status, 200);
    site.drain.begin();
    let answer = get("/readyz");
    assert_eq!(answer.error(503), "The server is going out of service.");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(get("/livez").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_stop_ends_idle_connections_at_once() {
    let site = Site::new().await;
    let mut connection = site.connect();
    connection.send(b"GET /livez HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!(connection.read_answer().status, 200);
    tokio::time::timeout(Duration::from_secs(10), site.handle.stop(true)).await.unwrap();
    assert_eq!(connection.read_to_end(), b"");
}
