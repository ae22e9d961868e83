//! Forged and twisted tokens.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use capykeys_cluster::{Refusal, TokenError};
use serde_json::json;

use crate::support::{CURVE_KEY, Harness, KEY, OTHER_KEY, good_token, jwks};

#[tokio::test]
async fn only_rs256_and_es256_are_accepted() {
    let harness = Harness::new();
    let secret = hmac::Key::new(hmac::HMAC_SHA256, KEY.public_pem().as_bytes());
    let keyed_with_pem = |message: &str| hmac::sign(&secret, message.as_bytes()).as_ref().to_vec();
    for name in ["none", "None", "HS256", "RS384", "PS256", "ES384", "EdDSA", "rs256"] {
        let token = good_token().header("alg", name);
        harness.refuses_unseen(&token.sign(), Refusal::Token(TokenError::Algorithm), name).await;
        harness
            .refuses_unseen(&token.sign_with(keyed_with_pem), Refusal::Token(TokenError::Algorithm), name)
            .await;
    }
    let unnamed = good_token().without_header("alg").sign();
    harness.refuses_unseen(&unnamed, Refusal::Token(TokenError::Algorithm), "no alg").await;
    let forged = good_token().sign_with(|message| {
        let mut signature = keyed_with_pem(message);
        signature.resize(256, 0);
        signature
    });
    harness.refuses(&forged, Refusal::Token(TokenError::Signature), "an HMAC as RS256").await;
}

#[tokio::test]
async fn a_key_counts_for_its_own_algorithm_alone() {
    let harness = Harness::new();
    harness.fetcher.answers(Ok(jwks(&[KEY.jwk("key_1"), CURVE_KEY.jwk("key_2")])));
    let rsa = good_token();
    let curve = good_token().header("alg", "ES256").header("kid", "key_2");
    harness.accepts(&rsa.sign(), "RS256").await;
    harness.accepts(&curve.sign_by(&CURVE_KEY), "ES256").await;
    let crossed = rsa.header("kid", "key_2").sign();
    harness
        .refuses(&crossed, Refusal::Token(TokenError::UnknownKey), "RS256 with the id of the other key")
        .await;
    let crossed = curve.clone().header("kid", "key_1").sign_by(&CURVE_KEY);
    harness
        .refuses(&crossed, Refusal::Token(TokenError::UnknownKey), "ES256 with the id of the RSA key")
        .await;
    let long = curve.sign_by(&KEY);
    harness.refuses_unseen(&long, Refusal::Token(TokenError::Malformed), "ES256 as long as RS256").await;
    let zeros = curve.sign_with(|_| vec![0; 64]);
    harness.refuses(&zeros, Refusal::Token(TokenError::Signature), "ES256 of zeros").await;
}

#[tokio::test]
async fn a_signature_by_another_key_or_over_another_text_is_refused() {
    let harness = Harness::new();
    let good = good_token().sign();
    let other = good_token().claim("sub", "system:serviceaccount:kube-system:admin").sign();
    let (message, _) = other.rsplit_once('.').unwrap();
    let (_, signature) = good.rsplit_once('.').unwrap();
    harness
        .refuses(&format!("{message}.{signature}"), Refusal::Token(TokenError::Signature), "another text")
        .await;
    let foreign = good_token().sign_by(&OTHER_KEY);
    harness.refuses(&foreign, Refusal::Token(TokenError::Signature), "another key").await;
}

#[tokio::test]
async fn headers_that_bring_a_key_or_want_more_are_refused() {
    let harness = Harness::new();
    for (name, value, reason) in [
        ("jwk", OTHER_KEY.jwk("key_1"), Refusal::Token(TokenError::EmbeddedKey)),
        ("jku", json!("https://evil.example"), Refusal::Token(TokenError::EmbeddedKey)),
        ("x5u", json!("https://evil.example"), Refusal::Token(TokenError::EmbeddedKey)),
        ("x5c", json!(["MIIB"]), Refusal::Token(TokenError::EmbeddedKey)),
        ("crit", json!(["exp"]), Refusal::Token(TokenError::CriticalExtension)),
        ("crit", json!([]), Refusal::Token(TokenError::CriticalExtension)),
        ("typ", json!("at+jwt"), Refusal::Token(TokenError::Type)),
        ("typ", json!(null), Refusal::Token(TokenError::Type)),
        ("kid", json!(""), Refusal::Token(TokenError::KeyId)),
        ("kid", json!(1), Refusal::Token(TokenError::KeyId)),
    ] {
        let token = good_token().header(name, value.clone());
        for token in [token.sign(), token.sign_by(&OTHER_KEY)] {
            harness.refuses_unseen(&token, reason, &format!("{name} {value}")).await;
        }
    }
    harness.accepts(&good_token().header("typ", "JWT").sign(), "JWT").await;
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let harness = Harness::new();
    let good = good_token().sign();
    let parts: Vec<_> = good.split('.').collect();
    let twice = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"key_1","alg":"RS256"}"#);
    for token in [
        "a.b.c".to_owned(),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}.{}==", parts[0], parts[1], parts[2]),
        format!("{}.{}.AAAA", parts[0], parts[1]),
        format!("{twice}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode("[]"), parts[2]),
    ] {
        harness.refuses_unseen(&token, Refusal::Token(TokenError::Malformed), &token).await;
    }
    let huge = good_token().claim("x", "x".repeat(100 * 1024)).sign();
    harness.refuses_unseen(&huge, Refusal::Token(TokenError::TooLarge), "100 KiB").await;
}
