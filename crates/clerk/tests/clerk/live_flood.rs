//! A server's view of rotations and floods.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::rand::{self, SystemRandom};
use capykeys_clerk::{Refusal, TokenError};
use tokio::task::JoinSet;

use crate::support::{Live, Server, good_token, jwks_reply, other_key, refusal, signing_key};

const SECOND: Duration = Duration::from_secs(1);
const MICROSECOND: Duration = Duration::from_micros(1);

fn signed_by_the_old_key() -> String {
    good_token().claim("exp", 1_900_000_000).sign()
}

fn signed_by_the_new_key() -> String {
    good_token().claim("exp", 1_900_000_000).sign_by(other_key())
}

fn with_a_random_kid() -> String {
    let random: [u8; 8] = rand::generate(&SystemRandom::new()).unwrap().expose();
    good_token().header("kid", format!("ins_{:x}", u64::from_be_bytes(random))).sign_by(other_key())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flood_of_unknown_keys_from_fifty_callers_causes_two_fetches_in_thirty_seconds() {
    let server = Server::start(jwks_reply(&[signing_key().jwk("ins_1")])).await;
    let live = Arc::new(Live::new(&server.url));
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let (live, valid) = (Arc::clone(&live), signed_by_the_old_key());
        callers.spawn(async move {
            for _ in 0..20 {
                assert_eq!(
                    refusal(live.verify(&with_a_random_kid()).await),
                    Refusal::Token(TokenError::UnknownKey).as_str()
                );
                assert!(live.verify(&valid).await.is_ok());
                // Spread over all but 30 seconds.
                live.clock.advance(SECOND * 29 / 1_000);
            }
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_key_that_was_taken_out_of_the_set_stops_to_verify_within_five_minutes_of_steady_traffic() {
    let both = [signing_key().jwk("ins_1"), other_key().jwk("ins_1")];
    let server = Server::start(jwks_reply(&both)).await;
    let live = Live::new(&server.url);
    let (kept, taken_out) = (signed_by_the_old_key(), signed_by_the_new_key());
    assert!(live.verify(&taken_out).await.is_ok());
    server.answers(jwks_reply(&both[..1]));
    // Tokens that the cached set verifies give no reason to ask: only its age does.
    for second in 1..300 {
        live.clock.advance(SECOND);
        assert!(live.verify(&kept).await.is_ok(), "{second}");
        assert!(live.verify(&taken_out).await.is_ok(), "{second}");
        assert_eq!(server.requests(), 1, "{second}");
    }
    live.clock.advance(SECOND);
    assert!(live.verify(&kept).await.is_ok(), "served from the old set, while the new one comes");
    let refused = async {
        while live.verify(&taken_out).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(10 * SECOND, refused).await.expect("the new set arrives");
    assert_eq!(refusal(live.verify(&taken_out).await), Refusal::Token(TokenError::Signature).as_str());
    assert!(live.verify(&kept).await.is_ok());
}

#[tokio::test]
async fn a_new_modulus_under_the_same_kid_is_picked_up_at_once() {
    let server = Server::start(jwks_reply(&[signing_key().jwk("ins_1")])).await;
    let live = Live::new(&server.url);
    assert!(live.verify(&signed_by_the_old_key()).await.is_ok());
    server.answers(jwks_reply(&[other_key().jwk("ins_1")]));
    assert!(live.verify(&signed_by_the_new_key()).await.is_ok());
    assert_eq!(
        refusal(live.verify(&signed_by_the_old_key()).await),
        Refusal::Token(TokenError::Signature).as_str()
    );
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_new_modulus_under_the_same_kid_is_picked_up_within_the_cooldown_of_a_flood() {
    let server = Server::start(jwks_reply(&[signing_key().jwk("ins_1")])).await;
    let live = Live::new(&server.url);
    refusal(live.verify(&with_a_random_kid()).await);
    assert_eq!(server.requests(), 2);
    server.answers(jwks_reply(&[other_key().jwk("ins_1")]));
    live.clock.advance_to_just_before(30 * SECOND);
    assert_eq!(
        refusal(live.verify(&signed_by_the_new_key()).await),
        Refusal::Token(TokenError::Signature).as_str()
    );
    live.clock.advance(MICROSECOND);
    assert!(live.verify(&signed_by_the_new_key()).await.is_ok());
    assert_eq!(
        refusal(live.verify(&signed_by_the_old_key()).await),
        Refusal::Token(TokenError::Signature).as_str()
    );
    assert_eq!(server.requests(), 3);
}
