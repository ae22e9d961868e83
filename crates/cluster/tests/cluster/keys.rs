//! Whose keys count, and what happens while they cannot be had.

use capykeys_cluster::{ClusterSettings, FetchError, PublicKeySource, Refusal, TokenError};
use capykeys_domain::ports::BearerTokenError;

use crate::support::{CURVE_KEY, Harness, KEY, OTHER_KEY, good_token, jwks, settings};

#[tokio::test]
async fn a_key_that_is_not_known_yet_is_fetched() {
    let harness = Harness::new();
    harness.accepts(&good_token().sign(), "the first key").await;
    harness.fetcher.answers(Ok(jwks(&[KEY.jwk("key_1"), OTHER_KEY.jwk("key_2")])));
    let rotated = good_token().header("kid", "key_2").sign_by(&OTHER_KEY);
    harness.accepts(&rotated, "the next key").await;
    assert_eq!(harness.fetcher.calls(), 2);
    let unknown = good_token().header("kid", "key_3").sign();
    harness.refuses_unseen(&unknown, Refusal::Token(TokenError::UnknownKey), "within the cooldown").await;
}

#[tokio::test]
async fn a_key_id_is_needed_where_there_are_several_keys() {
    let harness = Harness::new();
    harness
        .refuses_unseen(&good_token().without_header("kid").sign(), Refusal::Token(TokenError::KeyId), "none")
        .await;
}

#[tokio::test]
async fn without_keys_nobody_is_refused() {
    let harness = Harness::new();
    harness.fetcher.answers(Err(FetchError::Connect));
    for token in [good_token().sign(), good_token().sign_by(&OTHER_KEY)] {
        let outcome = harness.verify(&token).await;
        let Err(BearerTokenError::Unavailable(error)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.to_string(), "cluster: there are no signing keys: fetching them failed");
    }
    harness.fetcher.answers(Ok(jwks(&[KEY.jwk("key_1")])));
    harness.clock.advance(5_000_000);
    harness.accepts(&good_token().sign(), "the keys are back").await;
}

#[tokio::test]
async fn a_configured_key_needs_no_fetch_and_no_id() {
    for (key, algorithm) in [(&*KEY, "RS256"), (&*CURVE_KEY, "ES256")] {
        let keys = PublicKeySource::Pem(key.public_pem());
        let harness = Harness::with(ClusterSettings { keys, ..settings() });
        harness.verifier.warm_up();
        let token = good_token().header("alg", algorithm);
        harness.accepts(&token.sign_by(key), algorithm).await;
        harness.accepts(&token.without_header("kid").sign_by(key), algorithm).await;
        harness.refuses(&good_token().sign_by(&OTHER_KEY), wrong_for(algorithm), algorithm).await;
        assert_eq!(harness.fetcher.calls(), 0);
    }
}

/// Why a token by RS256 with another key is refused.
fn wrong_for(algorithm: &str) -> Refusal {
    if algorithm == "RS256" {
        Refusal::Token(TokenError::Signature)
    } else {
        Refusal::Token(TokenError::UnknownKey)
    }
}
