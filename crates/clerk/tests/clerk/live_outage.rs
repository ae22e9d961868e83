//! What happens while a real server fails in every way that servers do.

use std::time::Duration;

use capykeys_clerk::{Refusal, TokenError};

use crate::support::{Live, Reply, Server, good_token, jwks, jwks_reply, other_key, refusal, signing_key};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

fn valid() -> String {
    good_token().claim("exp", 1_900_000_000).sign()
}

fn unknown() -> String {
    good_token().claim("exp", 1_900_000_000).header("kid", "ins_2").sign()
}

fn good_set() -> String {
    jwks(&[signing_key().jwk("ins_1")])
}

fn good() -> Reply {
    Reply::with("200 OK", "content-type: application/json\r\n", &good_set())
}

/// Every failure but slowness, which has tests of its own.
fn failures(elsewhere: &Server) -> Vec<(&'static str, Reply)> {
    let location = format!("location: {}\r\n", elsewhere.url);
    vec![
        ("503", Reply::with("503 Service Unavailable", "retry-after: 1\r\n", "")),
        ("garbage", Reply::with("200 OK", "content-type: text/html\r\n", "<html>\u{fffd}</html>")),
        ("no HTTP", Reply::Bytes(b"\x16\x03\x01garbage\r\n\r\n".to_vec())),
        ("cut short", Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec())),
        ("empty set", Reply::with("200 OK", "", r#"{"keys":[]}"#)),
        ("redirect", Reply::with("307 Temporary Redirect", &location, "")),
        // A good set, but for its length.
        ("10 MiB", Reply::with("200 OK", "", &(good_set() + &" ".repeat(10 * 1024 * 1024)))),
    ]
}

#[tokio::test]
async fn a_server_that_is_down_at_the_start_is_asked_again_when_it_is_up() {
    let server = Server::start(good()).await;
    let live = Live::new(&server.url);
    let address = server.stop().await;
    live.verifier.warm_up();
    live.is_unavailable(&valid(), "down").await;
    live.is_unavailable(&unknown(), "down").await;
    let server = Server::start_at(address, good()).await;
    live.is_unavailable(&valid(), "not asked again yet").await;
    assert_eq!(server.requests(), 0);
    live.clock.advance(5 * SECOND);
    assert!(live.verify(&valid()).await.is_ok());
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_server_that_goes_down_later_leaves_an_hour() {
    let server = Server::start(good()).await;
    let live = Live::new(&server.url);
    assert!(live.verify(&valid()).await.is_ok());
    let address = server.stop().await;
    for minute in 1..60 {
        live.clock.advance(MINUTE);
        assert!(live.verify(&valid()).await.is_ok(), "{minute}");
    }
    live.clock.advance(MINUTE);
    live.is_unavailable(&valid(), "after an hour").await;
    let _server = Server::start_at(address, good()).await;
    live.clock.advance(30 * SECOND);
    assert!(live.verify(&valid()).await.is_ok());
}

#[tokio::test]
async fn a_server_that_fails_from_the_start_makes_sessions_unavailable_until_it_recovers() {
    let elsewhere = Server::start(jwks_reply(&[other_key().jwk("ins_1")])).await;
    for (case, failure) in failures(&elsewhere) {
        let server = Server::start(failure).await;
        let live = Live::new(&server.url);
        for token in [valid(), unknown(), good_token().sign_by(other_key())] {
            live.is_unavailable(&token, case).await;
        }
        assert_eq!(server.requests(), 1, "{case}");
        server.answers(good());
        live.clock.advance(5 * SECOND);
        assert!(live.verify(&valid()).await.is_ok(), "{case}");
    }
    assert_eq!(elsewhere.requests(), 0);
}

#[tokio::test]
async fn a_server_that_fails_later_changes_nothing_for_an_hour() {
    let elsewhere = Server::start(jwks_reply(&[other_key().jwk("ins_1")])).await;
    for (case, failure) in failures(&elsewhere) {
        let server = Server::start(good()).await;
        let live = Live::new(&server.url);
        assert!(live.verify(&valid()).await.is_ok());
        server.answers(failure);
        live.clock.advance(30 * MINUTE);
        assert!(live.verify(&valid()).await.is_ok(), "{case}");
        // Known keys decide on what they do not verify, so a failure makes no foreign key pass.
        assert_eq!(
            refusal(live.verify(&unknown()).await),
            Refusal::Token(TokenError::UnknownKey).as_str(),
            "{case}"
        );
        let foreign = good_token().claim("exp", 1_900_000_000).sign_by(other_key());
        assert_eq!(
            refusal(live.verify(&foreign).await),
            Refusal::Token(TokenError::Signature).as_str(),
            "{case}"
        );
        assert!(live.verify(&valid()).await.is_ok(), "{case}");
        assert_eq!(server.requests(), 2, "{case}");
        live.clock.advance(30 * MINUTE);
        live.is_unavailable(&valid(), case).await;
    }
    assert_eq!(elsewhere.requests(), 0);
}

// The runtime's time is paused once it may pass: it jumps to the next timer whenever everything
// waits.
#[tokio::test]
async fn a_slow_server_holds_nobody_up_for_a_second() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"keys\":".to_vec();
    for sent in [Vec::new(), head] {
        let server = Server::start(good()).await;
        let (warm, cold) = (Live::new(&server.url), Live::new(&server.url));
        assert!(warm.verify(&valid()).await.is_ok());
        server.answers(Reply::Stall(sent));
        tokio::time::pause();
        let begin = tokio::time::Instant::now();
        cold.is_unavailable(&valid(), "cold").await;
        warm.clock.advance(10 * MINUTE);
        assert!(warm.verify(&valid()).await.is_ok());
        assert!(begin.elapsed() < SECOND);
        tokio::time::resume();
    }
}
