//! What happens while no keys can be had.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use capykeys_clerk::{ClerkVerifier, FetchError, FetchJwks, MAX_JWKS_BYTES, Refusal, TokenError, Url};
use capykeys_domain::ports::{BearerTokenError, SessionVerifier};
use tokio::runtime::Handle;

use crate::support::{FakeClock, Harness, bearer, good_token, instance, jwks, refusal, signing_key};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const MICROSECOND: Duration = Duration::from_micros(1);

fn valid() -> String {
    good_token().claim("exp", 1_900_000_000).sign()
}

fn unknown() -> String {
    good_token().claim("exp", 1_900_000_000).header("kid", "ins_2").sign()
}

fn good_answer() -> String {
    jwks(&[signing_key().jwk("ins_1")])
}

#[tokio::test]
async fn without_keys_the_answer_is_unavailable_and_never_a_refusal() {
    let too_long = format!("{}{}", good_answer(), " ".repeat(MAX_JWKS_BYTES));
    for answer in [
        Err(FetchError::Timeout),
        Err(FetchError::Connect),
        Err(FetchError::Status(503)),
        Err(FetchError::TooLarge),
        Err(FetchError::Interrupted),
        Ok(String::new()),
        Ok("<html>Service Unavailable</html>".to_owned()),
        Ok(r#"{"keys":[]}"#.to_owned()),
        Ok(r#"{"keys":[{"kty":"EC"}]}"#.to_owned()),
        Ok(too_long),
    ] {
        let harness = Harness::new();
        harness.fetcher.answers(answer);
        harness.is_unavailable(&valid()).await;
        harness.is_unavailable(&unknown()).await;
    }
}

#[tokio::test]
async fn what_is_wrong_for_certain_is_refused_even_then() {
    let harness = Harness::new();
    harness.fetcher.answers(Err(FetchError::Connect));
    harness.is_unavailable(&valid()).await;
    let expired = good_token().claim("exp", 1).sign();
    assert_eq!(refusal(harness.verify(&expired).await), Refusal::Token(TokenError::Expired).as_str());
}

#[tokio::test]
async fn a_failed_fetch_is_not_tried_again_by_every_request() {
    let harness = Harness::new();
    harness.fetcher.answers(Err(FetchError::Connect));
    for _ in 0..100 {
        harness.is_unavailable(&valid()).await;
    }
    assert_eq!(harness.fetcher.calls(), 1);
    harness.fetcher.answers(Ok(good_answer()));
    harness.clock.advance_to_just_before(5 * SECOND);
    harness.is_unavailable(&valid()).await;
    harness.clock.advance(MICROSECOND);
    assert!(harness.verify(&valid()).await.is_ok());
    assert_eq!(harness.fetcher.calls(), 2);
}

#[tokio::test]
async fn the_last_set_serves_for_an_hour_after_the_last_success() {
    let harness = Harness::new();
    assert!(harness.verify(&valid()).await.is_ok());
    harness.fetcher.answers(Err(FetchError::Status(503)));
    for _ in 0..59 {
        harness.clock.advance(MINUTE);
        assert!(harness.verify(&valid()).await.is_ok());
    }
    harness.clock.advance_to_just_before(MINUTE);
    assert!(harness.verify(&valid()).await.is_ok());
    harness.clock.advance(MICROSECOND);
    harness.is_unavailable(&valid()).await;
    harness.fetcher.answers(Ok(good_answer()));
    harness.clock.advance(30 * SECOND);
    assert!(harness.verify(&valid()).await.is_ok());
}

#[tokio::test]
async fn while_a_usable_set_is_at_hand_failures_are_thirty_seconds_apart() {
    let harness = Harness::new();
    assert!(harness.verify(&valid()).await.is_ok());
    harness.fetcher.answers(Err(FetchError::Connect));
    harness.clock.advance(10 * MINUTE);
    for _ in 0..60 {
        assert!(harness.verify(&valid()).await.is_ok());
        assert_eq!(
            refusal(harness.verify(&unknown()).await),
            Refusal::Token(TokenError::UnknownKey).as_str()
        );
        harness.clock.advance(SECOND);
    }
    assert_eq!(harness.fetcher.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_less_than_a_second_and_the_fetch_goes_on() {
    let harness = Harness::new();
    harness.fetcher.hold();
    let begin = tokio::time::Instant::now();
    harness.is_unavailable(&valid()).await;
    assert!(begin.elapsed() < SECOND);
    harness.fetcher.release();
    assert!(harness.verify(&valid()).await.is_ok());
    assert_eq!(harness.fetcher.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_a_slow_fetch_may_yet_explain_is_not_refused() {
    let harness = Harness::new();
    assert!(harness.verify(&valid()).await.is_ok());
    harness.fetcher.hold();
    harness.is_unavailable(&unknown()).await;
    assert!(harness.verify(&valid()).await.is_ok());
    assert_eq!(harness.fetcher.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_never_ends_is_given_up_after_three_seconds() {
    let harness = Harness::new();
    harness.fetcher.hold();
    for _ in 0..4 {
        harness.is_unavailable(&valid()).await;
    }
    assert_eq!(harness.fetcher.calls(), 1);
    harness.fetcher.release();
    harness.clock.advance(5 * SECOND);
    assert!(harness.verify(&valid()).await.is_ok());
    assert_eq!(harness.fetcher.calls(), 2);
}

fn verifier(fetcher: impl FetchJwks + 'static) -> ClerkVerifier {
    let settings = vec![instance()];
    let clock = Arc::new(FakeClock::new());
    ClerkVerifier::new(settings, clock, Arc::new(fetcher), Handle::current()).unwrap()
}

/// Answers each time after 600 ms.
struct Slow;

#[async_trait]
impl FetchJwks for Slow {
    async fn fetch(&self, _: &Url) -> Result<Vec<u8>, FetchError> {
        tokio::time::sleep(Duration::from_millis(600)).await;
        Ok(good_answer().into_bytes())
    }
}

#[tokio::test(start_paused = true)]
async fn two_slow_fetches_do_not_add_up_to_more_than_a_second() {
    let verifier = verifier(Slow);
    let begin = tokio::time::Instant::now();
    let outcome = verifier.verify_session(&bearer(&unknown())).await;
    assert!(matches!(outcome, Err(BearerTokenError::Unavailable(_))), "{outcome:?}");
    assert!(begin.elapsed() < SECOND);
}

struct Panicking;

#[async_trait]
impl FetchJwks for Panicking {
    async fn fetch(&self, _: &Url) -> Result<Vec<u8>, FetchError> {
        panic!("a fetcher with a fault")
    }
}

#[tokio::test]
async fn a_fetcher_that_panics_leaves_nobody_waiting() {
    let verifier = verifier(Panicking);
    for _ in 0..3 {
        let outcome = verifier.verify_session(&bearer(&valid())).await;
        assert!(matches!(outcome, Err(BearerTokenError::Unavailable(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn what_is_unavailable_says_nothing_of_the_token_or_the_answer() {
    let harness = Harness::new();
    harness.fetcher.answers(Ok("SECRET ANSWER".to_owned()));
    let error = harness.verify(&valid()).await.unwrap_err();
    assert_eq!(error.to_string(), "clerk: there are no signing keys: fetching them failed");
}
