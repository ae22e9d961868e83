//! Where keys come from, and whose count.

use capykeys_domain::ports::BearerTokenError;
use capykeys_oidc::{ProviderSettings, PublicKeySource, Refusal, TokenError};
use capykeys_testkit::{SigningKey, jwks};
use serde_json::json;

use crate::support::{Harness, ISSUER, JWKS_URL, METADATA_URL, good_token, provider};

#[tokio::test]
async fn the_keys_are_those_that_the_issuers_metadata_name() {
    let harness = Harness::new();
    harness.session(&good_token()).await;
    harness.session(&good_token()).await;
    assert_eq!(harness.fetcher.asked(), [METADATA_URL, JWKS_URL]);
}

#[tokio::test]
async fn metadata_are_asked_for_again_when_the_keys_are() {
    let harness = Harness::new();
    harness.session(&good_token()).await;
    let moved = "https://keys.example.com/moved";
    let key = SigningKey::rsa();
    harness.fetcher.answers(METADATA_URL, json!({"issuer": ISSUER, "jwks_uri": moved}).to_string());
    harness.fetcher.answers(moved, jwks(&[key.jwk("key_3")]));
    harness.clock.advance(60_000_000);
    let token = good_token().header("kid", "key_3").sign_by(&key);
    assert!(harness.verify(&token).await.is_ok());
    assert_eq!(harness.fetcher.asked()[2..], [METADATA_URL, moved]);
}

#[tokio::test]
async fn metadata_that_are_not_the_issuers_lead_nowhere() {
    for metadata in [
        json!({"issuer": "https://id.example.com/realms/other", "jwks_uri": JWKS_URL}).to_string(),
        json!({"issuer": format!("{ISSUER}/"), "jwks_uri": JWKS_URL}).to_string(),
        json!({"issuer": ISSUER, "jwks_uri": "http://keys.example.com/acme"}).to_string(),
        json!({"issuer": ISSUER}).to_string(),
        "<html>".to_owned(),
        " ".repeat(64 * 1024 + 1),
    ] {
        let harness = Harness::new();
        harness.fetcher.answers(METADATA_URL, metadata);
        let outcome = harness.verify(&good_token().sign()).await;
        assert!(matches!(outcome, Err(BearerTokenError::Unavailable(_))), "{outcome:?}");
        assert_eq!(harness.fetcher.asked(), [METADATA_URL]);
    }
}

#[tokio::test]
async fn neither_providers_keys_and_settings_pass_for_the_others() {
    let (key, issuer) = (SigningKey::rsa(), "https://other.example.com");
    let other = ProviderSettings {
        issuer: issuer.to_owned(),
        keys: PublicKeySource::Pem(key.public_pem()),
        audiences: vec!["other".to_owned()],
        ..provider()
    };
    let harness = Harness::with([provider(), other]);
    let of_other = good_token().claim("iss", issuer).claim("aud", "other");
    let (own, others) = (harness.session(&good_token()).await, harness.verify(&of_other.sign_by(&key)).await);
    assert_ne!(own.user_id, others.unwrap().user_id, "the same `sub`");
    for token in [good_token().sign_by(&key), of_other.sign()] {
        let refused = harness.verify(&token).await.unwrap_err().to_string();
        assert_eq!(refused, format!("refused: {}", Refusal::Token(TokenError::Signature).as_str()));
    }
    let foreign = good_token().claim("aud", "other");
    harness.refuses_unseen(&foreign, Refusal::Token(TokenError::Audience), "the other's audience").await;
    let unknown = good_token().claim("iss", "https://third.example.com");
    harness.refuses_unseen(&unknown, Refusal::Issuer, "a third").await;
}
