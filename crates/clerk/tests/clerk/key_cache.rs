//! When keys are fetched.

use std::{sync::Arc, time::Duration};

use capykeys_clerk::{Refusal, TokenError};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Harness, NOW, good_token, jwks, other_key, refusal, signing_key};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const MICROSECOND: Duration = Duration::from_micros(1);

fn unknown(kid: impl std::fmt::Display) -> String {
    good_token().header("kid", kid.to_string()).sign_with(|_| vec![1; 256])
}

fn forged() -> String {
    good_token().sign_with(|_| vec![1; 256])
}

/// Lets the other tasks of this single-threaded runtime go as far as they can.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_thousand_unknown_keys_cause_two_fetches_in_thirty_seconds() {
    let harness = Harness::new();
    let valid = good_token().sign();
    for number in 0..1_000 {
        assert_eq!(
            refusal(harness.verify(&unknown(number)).await),
            Refusal::Token(TokenError::UnknownKey).as_str()
        );
        assert!(harness.verify(&valid).await.is_ok());
        if number % 50 == 49 {
            harness.clock.advance(SECOND);
        }
    }
    assert_eq!(harness.fetcher.calls(), 2);
    harness.clock.advance_to_just_before(10 * SECOND);
    refusal(harness.verify(&unknown("x")).await);
    assert_eq!(harness.fetcher.calls(), 2);
    harness.clock.advance(MICROSECOND);
    refusal(harness.verify(&unknown("x")).await);
    assert_eq!(harness.fetcher.calls(), 3);
}

#[tokio::test]
async fn a_thousand_unknown_keys_at_once_cause_two_fetches() {
    let harness = Arc::new(Harness::new());
    harness.fetcher.hold();
    let mut requests = JoinSet::new();
    for number in 0..1_000 {
        let harness = Arc::clone(&harness);
        requests.spawn(async move { refusal(harness.verify(&unknown(number)).await) });
    }
    harness.fetcher.began(1).await;
    harness.fetcher.release();
    for reason in requests.join_all().await {
        assert_eq!(reason, Refusal::Token(TokenError::UnknownKey).as_str());
    }
    assert_eq!(harness.fetcher.calls(), 2);
}

#[tokio::test]
async fn bad_signatures_and_unknown_keys_share_the_cooldown() {
    let harness = Harness::new();
    assert_eq!(refusal(harness.verify(&forged()).await), Refusal::Token(TokenError::Signature).as_str());
    assert_eq!(harness.fetcher.calls(), 2);
    for number in 0..10 {
        refusal(harness.verify(&unknown(number)).await);
        refusal(harness.verify(&forged()).await);
    }
    assert_eq!(harness.fetcher.calls(), 2);
}

#[tokio::test]
async fn a_rotation_that_keeps_the_kid_is_noticed_by_the_first_new_token() {
    let harness = Harness::new();
    let (old, new) = (good_token().sign(), good_token().sign_by(other_key()));
    assert!(harness.verify(&old).await.is_ok());
    harness.fetcher.answers(Ok(jwks(&[other_key().jwk("ins_1")])));
    assert!(harness.verify(&new).await.is_ok());
    // The whole set was replaced: the old key is gone.
    assert_eq!(refusal(harness.verify(&old).await), Refusal::Token(TokenError::Signature).as_str());
    assert_eq!(harness.fetcher.calls(), 2);
}

#[tokio::test]
async fn a_rotation_to_a_new_kid_is_noticed_by_the_first_new_token() {
    let harness = Harness::new();
    assert!(harness.verify(&good_token().sign()).await.is_ok());
    harness.fetcher.answers(Ok(jwks(&[signing_key().jwk("ins_1"), other_key().jwk("ins_2")])));
    let new = good_token().header("kid", "ins_2").sign_by(other_key());
    assert!(harness.verify(&new).await.is_ok());
    assert!(harness.verify(&good_token().sign()).await.is_ok());
    assert_eq!(harness.fetcher.calls(), 2);
}

#[tokio::test]
async fn two_keys_may_share_a_kid() {
    let harness = Harness::new();
    harness.fetcher.answers(Ok(jwks(&[other_key().jwk("ins_1"), signing_key().jwk("ins_1")])));
    assert!(harness.verify(&good_token().sign()).await.is_ok());
    assert!(harness.verify(&good_token().sign_by(other_key())).await.is_ok());
    assert_eq!(harness.fetcher.calls(), 1);
}

#[tokio::test]
async fn odd_keys_do_not_lose_the_set() {
    let harness = Harness::new();
    let mut small = signing_key().jwk("small");
    small["n"] = json!("AQAB");
    let encryption = json!({"kty": "EC", "kid": "ins_1", "crv": "P-256", "x": "AA", "y": "AA"});
    let keys = [json!(null), json!({"kty": 7}), small, encryption, signing_key().jwk("ins_1")];
    harness.fetcher.answers(Ok(jwks(&keys)));
    assert!(harness.verify(&good_token().sign()).await.is_ok());
    let small = good_token().header("kid", "small").sign();
    assert_eq!(refusal(harness.verify(&small).await), Refusal::Token(TokenError::UnknownKey).as_str());
}

#[tokio::test]
async fn a_set_is_fresh_for_five_minutes() {
    let harness = Harness::new();
    let token = good_token().claim("exp", 1_900_000_000).sign();
    assert!(harness.verify(&token).await.is_ok());
    harness.clock.advance_to_just_before(5 * MINUTE);
    assert!(harness.verify(&token).await.is_ok());
    settle().await;
    assert_eq!(harness.fetcher.calls(), 1);
    harness.clock.advance(MICROSECOND);
    assert!(harness.verify(&token).await.is_ok());
    settle().await;
    assert_eq!(harness.fetcher.calls(), 2);
    // Counted from the last success.
    harness.clock.advance_to_just_before(5 * MINUTE);
    assert!(harness.verify(&token).await.is_ok());
    settle().await;
    assert_eq!(harness.fetcher.calls(), 2);
}

#[tokio::test]
async fn a_request_with_a_usable_set_does_not_wait_for_a_newer_one() {
    let harness = Harness::new();
    let token = good_token().claim("exp", 1_900_000_000).sign();
    assert!(harness.verify(&token).await.is_ok());
    harness.clock.advance(6 * MINUTE);
    harness.fetcher.hold();
    for _ in 0..100 {
        assert!(harness.verify(&token).await.is_ok());
    }
    harness.fetcher.began(2).await;
    harness.fetcher.release();
    settle().await;
    assert!(harness.verify(&token).await.is_ok());
    assert_eq!(harness.fetcher.calls(), 2);
}

#[tokio::test]
async fn requests_without_a_set_wait_for_one_fetch() {
    let harness = Arc::new(Harness::new());
    harness.fetcher.hold();
    let mut requests = JoinSet::new();
    for _ in 0..50 {
        let harness = Arc::clone(&harness);
        requests.spawn(async move { harness.verify(&good_token().sign()).await.is_ok() });
    }
    harness.fetcher.began(1).await;
    settle().await;
    harness.fetcher.release();
    assert!(requests.join_all().await.into_iter().all(|accepted| accepted));
    assert_eq!(harness.fetcher.calls(), 1);
}

#[tokio::test]
async fn a_dropped_request_does_not_stop_the_fetch_of_the_others() {
    let harness = Arc::new(Harness::new());
    harness.fetcher.hold();
    let first = tokio::spawn({
        let harness = Arc::clone(&harness);
        async move { harness.verify(&good_token().sign()).await.is_ok() }
    });
    harness.fetcher.began(1).await;
    first.abort();
    assert!(first.await.is_err());
    harness.fetcher.release();
    assert!(harness.verify(&good_token().sign()).await.is_ok());
    assert_eq!(harness.fetcher.calls(), 1);
}

#[tokio::test]
async fn warming_up_fetches_once_and_blocks_nothing() {
    let harness = Harness::new();
    harness.fetcher.hold();
    harness.verifier.warm_up();
    harness.verifier.warm_up();
    harness.fetcher.began(1).await;
    harness.fetcher.release();
    assert!(harness.verify(&good_token().sign()).await.is_ok());
    harness.verifier.warm_up();
    settle().await;
    assert_eq!(harness.fetcher.calls(), 1);
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_prolong_anything() {
    let harness = Harness::new();
    let token = good_token().claim("nbf", 0).claim("iat", NOW - 1_000_000).sign();
    let far = good_token().claim("nbf", 0).claim("iat", NOW - 1_000_000).sign_with(|_| vec![1; 256]);
    refusal(harness.verify(&far).await);
    assert_eq!(harness.fetcher.calls(), 2);
    harness.clock.set(-7_200_000_000);
    harness.fetcher.answers(Err(capykeys_clerk::FetchError::Connect));
    harness.is_unavailable(&token).await;
    assert_eq!(harness.fetcher.calls(), 3);
}

#[test]
fn tokens_can_be_verified_from_a_runtime_without_a_timer() {
    let background = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let background = background.unwrap();
    let harness = background.block_on(async { Harness::new() });
    let bare = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(bare.block_on(harness.verify(&good_token().sign())).is_ok());
    assert_eq!(
        refusal(bare.block_on(harness.verify(&unknown("x")))),
        Refusal::Token(TokenError::UnknownKey).as_str()
    );
}
