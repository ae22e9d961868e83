//! What the form and the header of a token must be.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA384, RSA_PSS_SHA256},
};
use capykeys_clerk::{Refusal, TokenError};
use serde_json::{Value, json};

use crate::support::{Harness, good_token, other_key, signing_key};

#[tokio::test]
async fn a_token_as_clerk_writes_it_is_accepted() {
    let harness = Harness::new();
    let session = harness.verify(&good_token().sign()).await.unwrap();
    assert_eq!(session.user_id.as_str(), "user_2abc");
    assert_eq!(session.organization, None);
    assert!(!session.impersonated);
}

#[tokio::test]
async fn only_rs256_is_accepted() {
    let harness = Harness::new();
    let named = |name: &str| good_token().header("alg", name);
    let secret = hmac::Key::new(hmac::HMAC_SHA256, signing_key().public_pem().as_bytes());
    let curve = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let random = SystemRandom::new();
    let padded = |mut signature: Vec<u8>| {
        signature.resize(256, 0);
        signature
    };
    let tokens = [
        named("none").sign(),
        named("None").sign(),
        named("HS256").sign_with(|message| padded(hmac::sign(&secret, message.as_bytes()).as_ref().to_vec())),
        named("RS384").sign_with(|message| signing_key().sign_with(&RSA_PKCS1_SHA384, message)),
        named("PS256").sign_with(|message| signing_key().sign_with(&RSA_PSS_SHA256, message)),
        named("ES256")
            .sign_with(|message| padded(curve.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec())),
        named("rs256").sign(),
        good_token().header("alg", Value::Null).sign(),
        good_token().header("alg", json!(["RS256"])).sign(),
        good_token().without_header("alg").sign(),
    ];
    for token in tokens {
        harness.refuses_unseen(&token, Refusal::Token(TokenError::Algorithm), &token).await;
    }
}

#[tokio::test]
async fn a_signature_by_another_algorithm_or_key_or_over_another_text_is_refused() {
    let harness = Harness::new();
    let good = good_token().sign();
    let (message, _) = good.rsplit_once('.').unwrap();
    let (_, signature) = good.rsplit_once('.').unwrap();
    let other = good_token().claim("sub", "user_other").sign();
    let (other_message, _) = other.rsplit_once('.').unwrap();
    assert!(harness.verify(&format!("{message}.{signature}")).await.is_ok());
    for token in [
        good_token().sign_with(|message| signing_key().sign_with(&RSA_PKCS1_SHA384, message)),
        good_token().sign_with(|message| signing_key().sign_with(&RSA_PSS_SHA256, message)),
        good_token().sign_by(other_key()),
        good_token().sign_with(|_| vec![0; 256]),
        format!("{other_message}.{signature}"),
    ] {
        let reason = crate::support::refusal(harness.verify(&token).await);
        assert_eq!(reason, Refusal::Token(TokenError::Signature).as_str());
    }
}

#[tokio::test]
async fn the_type_is_jwt_to_the_letter() {
    let harness = Harness::new();
    for value in
        [json!("jwt"), json!("at+jwt"), json!("application/jwt"), json!(""), json!(null), json!(["JWT"])]
    {
        let token = good_token().header("typ", value.clone()).sign();
        harness.refuses_unseen(&token, Refusal::Token(TokenError::Type), &value.to_string()).await;
    }
    harness
        .refuses_unseen(
            &good_token().without_header("typ").sign(),
            Refusal::Token(TokenError::Type),
            "absent",
        )
        .await;
}

#[tokio::test]
async fn the_category_is_a_sessions_or_absent() {
    let harness = Harness::new();
    let template = json!("cl_B7d4PD222AAA");
    let machine = json!("cl_B7d4PD333AAA");
    let uncategorized = json!("cl_I7d4PD111III");
    for value in [
        template,
        machine,
        uncategorized,
        json!("cl_new"),
        json!(""),
        json!(null),
        json!(["cl_B7d4PD111AAA"]),
    ] {
        let token = good_token().header("cat", value.clone()).sign();
        harness.refuses_unseen(&token, Refusal::Category, &value.to_string()).await;
    }
    assert!(harness.verify(&good_token().without_header("cat").sign()).await.is_ok());
}

#[tokio::test]
async fn headers_that_bring_keys_or_ask_for_extensions_are_refused() {
    let harness = Harness::new();
    for value in [json!(["exp"]), json!([]), json!(null), json!("b64")] {
        let token = good_token().header("crit", value.clone()).sign();
        harness
            .refuses_unseen(&token, Refusal::Token(TokenError::CriticalExtension), &value.to_string())
            .await;
    }
    let jwk = other_key().jwk("ins_1");
    for (name, value) in [
        ("jwk", jwk),
        ("jwk", json!(null)),
        ("jku", json!("https://evil.example.com/jwks.json")),
        ("x5u", json!("https://evil.example.com/cert.pem")),
        ("x5c", json!(["MIIB"])),
    ] {
        let token = good_token().header(name, value).sign_by(other_key());
        harness.refuses_unseen(&token, Refusal::Token(TokenError::EmbeddedKey), name).await;
    }
    // Members without a meaning here are ignored, as RFC 7515 wants it.
    assert!(harness.verify(&good_token().header("oiat", 1).sign()).await.is_ok());
}

#[tokio::test]
async fn a_key_id_is_needed_to_choose_a_key() {
    let harness = Harness::new();
    for value in [json!(""), json!(null), json!(1), json!(["ins_1"])] {
        let token = good_token().header("kid", value.clone()).sign();
        harness.refuses_unseen(&token, Refusal::Token(TokenError::KeyId), &value.to_string()).await;
    }
    harness
        .refuses_unseen(
            &good_token().without_header("kid").sign(),
            Refusal::Token(TokenError::KeyId),
            "absent",
        )
        .await;
}

#[tokio::test]
async fn duplicate_members_are_refused_in_the_header_and_in_the_claims() {
    let harness = Harness::new();
    let append = |object: &str, member: &str| format!("{},{member}}}", object.strip_suffix('}').unwrap());
    for member in [r#""alg":"RS256""#, r#""kid":"ins_1""#, r#""\u0061lg":"RS256""#, r#""x":1,"x":1"#] {
        let token = good_token().sign_changed(|header, claims| (append(&header, member), claims));
        harness.refuses_unseen(&token, Refusal::Token(TokenError::Malformed), member).await;
    }
    for member in [
        r#""sub":"user_other""#,
        r#""sub":"user_2abc""#,
        r#""exp":9999999999"#,
        r#""x":1,"x":2"#,
        r#""o":{"id":"org_1","rol":"member","rol":"admin"}"#,
    ] {
        let token = good_token().sign_changed(|header, claims| (header, append(&claims, member)));
        harness.refuses_unseen(&token, Refusal::Token(TokenError::Malformed), member).await;
    }
}

#[tokio::test]
async fn parts_that_are_no_unpadded_base64url_of_objects_are_refused() {
    let harness = Harness::new();
    let good = good_token().sign();
    let parts: Vec<&str> = good.split('.').collect();
    let standard = |part: &str| part.replace('-', "+").replace('_', "/");
    for (case, token) in [
        ("padded header", format!("{}=.{}.{}", parts[0], parts[1], parts[2])),
        ("padded payload", format!("{}.{}==.{}", parts[0], parts[1], parts[2])),
        ("padded signature", format!("{good}==")),
        ("standard alphabet", format!("{}.{}.{}+/", parts[0], parts[1], standard(parts[2]))),
        ("space", format!("{}.{}.{} ", parts[0], parts[1], parts[2])),
        ("line break", format!("{}\n.{}.{}", parts[0], parts[1], parts[2])),
        ("short signature", format!("{}.{}.{}", parts[0], parts[1], &parts[2][..340])),
        ("long signature", format!("{}.{}.{}", parts[0], parts[1], "A".repeat(2048))),
        ("empty header object", format!("e30x.{}.{}", parts[1], parts[2])),
        ("header is an array", good_token().sign_changed(|_, claims| ("[\"RS256\"]".into(), claims))),
        ("claims are an array", good_token().sign_changed(|header, _| (header, "[]".into()))),
        ("claims are null", good_token().sign_changed(|header, _| (header, "null".into()))),
        ("claims go on", good_token().sign_changed(|header, claims| (header, claims + "{}"))),
    ] {
        harness.refuses_unseen(&token, Refusal::Token(TokenError::Malformed), case).await;
    }
}

#[tokio::test]
async fn a_signature_with_other_unused_bits_is_refused() {
    let harness = Harness::new();
    let good = good_token().sign();
    // 256 bytes leave four unused bits in the last character, all zero in the one right spelling.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(good.chars().last().unwrap()).unwrap();
    let twisted = format!("{}{}", &good[..good.len() - 1], &alphabet[last + 1..last + 2]);
    harness.refuses_unseen(&twisted, Refusal::Token(TokenError::Malformed), "unused bits").await;
    assert!(harness.verify(&good).await.is_ok());
}

#[tokio::test]
async fn tokens_over_16_kib_are_refused() {
    let harness = Harness::new();
    let huge = good_token().claim("x", "x".repeat(100 * 1024)).sign();
    harness.refuses_unseen(&huge, Refusal::Token(TokenError::TooLarge), "100 KiB").await;
    let token = |padding: usize| good_token().claim("x", "x".repeat(padding)).sign();
    let largest = (0..12_000).rev().find(|padding| {
        // Base64 grows by four thirds: find the longest that still fits without signing each.
        let text = good_token().claim("x", "x".repeat(*padding)).sign_with(|_| vec![0; 256]);
        text.len() <= 16 * 1024
    });
    let largest = largest.unwrap();
    assert!(harness.verify(&token(largest)).await.is_ok());
    let reason = crate::support::refusal(harness.verify(&token(largest + 1)).await);
    assert_eq!(reason, Refusal::Token(TokenError::TooLarge).as_str());
}
