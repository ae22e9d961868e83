//! Whose keys and settings count for a token.

use std::{sync::Arc, time::Duration};

use capykeys_clerk::{ClerkVerifier, InstanceSettings, PublicKeySource, Refusal, TokenError};
use capykeys_testkit::TokenBuilder;
use tokio::runtime::Handle;

use crate::support::{
    FakeClock, FakeFetcher, Harness, ISSUER, NOW, good_token, good_token_of_version_1, instance, other_key,
    refusal, signing_key,
};

const OTHER_ISSUER: &str = "https://clerk.example.org";

/// An instance with [`other_key`], which says `ins_1` like the first one.
fn other_instance() -> InstanceSettings {
    InstanceSettings {
        issuer: OTHER_ISSUER.to_owned(),
        keys: PublicKeySource::Pem(other_key().public_pem()),
        audience: Some("https://api.example.org".to_owned()),
        max_lifetime: Duration::from_mins(10),
        authorized_parties: vec!["https://app.example.org".to_owned()],
        claims_v1: true,
    }
}

fn other_token() -> TokenBuilder {
    good_token()
        .claim("iss", OTHER_ISSUER)
        .claim("aud", "https://api.example.org")
        .claim("azp", "https://app.example.org")
}

#[tokio::test]
async fn each_instance_accepts_its_own_tokens() {
    let harness = Harness::with([instance(), other_instance()]);
    assert!(harness.verify(&good_token().sign()).await.is_ok());
    assert!(harness.verify(&other_token().sign_by(other_key())).await.is_ok());
}

#[tokio::test]
async fn neither_instances_key_passes_for_the_others_in_spite_of_one_kid() {
    let harness = Harness::with([instance(), other_instance()]);
    for token in [good_token().sign_by(other_key()), other_token().sign_by(signing_key())] {
        assert_eq!(refusal(harness.verify(&token).await), Refusal::Token(TokenError::Signature).as_str());
    }
}

#[tokio::test]
async fn neither_instances_settings_pass_for_the_others() {
    let harness = Harness::with([instance(), other_instance()]);
    let foreign_party = good_token().claim("azp", "https://app.example.org").sign();
    harness.refuses_unseen(&foreign_party, Refusal::AuthorizedParty, "party").await;
    harness.refuses_unseen(&good_token_of_version_1().sign(), Refusal::Version, "version").await;
    let foreign_audience = good_token().claim("aud", "https://api.example.org").sign();
    harness.refuses_unseen(&foreign_audience, Refusal::Token(TokenError::Audience), "audience").await;
    let long = good_token().claim("exp", NOW + 601);
    assert!(harness.verify(&long.sign()).await.is_ok());
    let long = other_token().claim("exp", NOW + 601).sign_by(other_key());
    assert_eq!(refusal(harness.verify(&long).await), Refusal::Token(TokenError::Lifetime).as_str());
    assert!(harness.verify(&other_token().without("v").sign_by(other_key())).await.is_ok());
}

#[tokio::test]
async fn the_issuer_is_compared_to_the_letter() {
    let harness = Harness::new();
    for issuer in [
        "https://clerk.example.com/",
        "https://clerk.example.com:443",
        "https://CLERK.example.com",
        "http://clerk.example.com",
        "clerk.example.com",
        "https://clerk.example.com.evil.example.com",
        "",
    ] {
        let token = good_token().claim("iss", issuer).sign();
        harness.refuses_unseen(&token, Refusal::Issuer, issuer).await;
    }
}

fn with_pem(pem: &str) -> InstanceSettings {
    InstanceSettings { keys: PublicKeySource::Pem(pem.to_owned()), ..instance() }
}

#[tokio::test]
async fn a_pem_needs_no_fetch_and_no_kid() {
    for pem in [signing_key().public_pem(), signing_key().public_pkcs1_pem()] {
        let harness = Harness::with([with_pem(&pem)]);
        harness.verifier.warm_up();
        assert!(harness.verify(&good_token().sign()).await.is_ok());
        assert!(harness.verify(&good_token().without_header("kid").sign()).await.is_ok());
        let forged = good_token().sign_by(other_key());
        harness.refuses_unseen(&forged, Refusal::Token(TokenError::Signature), "forged").await;
    }
}

#[tokio::test]
async fn a_pem_that_is_no_rsa_public_key_is_a_settings_error() {
    let pem = signing_key().public_pem();
    let certificate = pem.replace("PUBLIC KEY", "CERTIFICATE");
    for (pem, hint) in [
        (String::new(), "must be an RSA public key"),
        ("not a pem".to_owned(), "must be an RSA public key"),
        (pem.replace("MIIB", "MIIC"), "must be an RSA public key"),
        (certificate, "must be an RSA public key"),
        (pem.replace("PUBLIC KEY", "PRIVATE KEY"), "is a private key"),
        (pem.replace("PUBLIC KEY", "RSA PRIVATE KEY"), "is a private key"),
    ] {
        let settings = vec![with_pem(&pem)];
        let clock = Arc::new(FakeClock::new());
        let fetcher = Arc::new(FakeFetcher::new(String::new()));
        let error = ClerkVerifier::new(settings, clock, fetcher, Handle::current()).err();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(hint) && error.contains(ISSUER), "{error}: {pem}");
    }
}
