//! Forged, foreign and twisted tokens. Each is refused, and none makes the verifier ask anybody but
//! the configured JWKS URL.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA384, RSA_PSS_SHA256},
};
use capykeys_clerk::{Refusal, TokenError, Url};
use capykeys_domain::secret::{Credential, KeyFormat};
use serde_json::{Value, json};

use crate::support::{
    Live, NOW, PARTY, Reply, Server, good_token, jwks_reply, other_key, refusal, signing_key,
};

type Attack = (String, String, Refusal);

fn attack(case: impl Into<String>, token: String, reason: Refusal) -> Attack {
    (case.into(), token, reason)
}

/// Other algorithms under their own names, and under the right one.
fn algorithms() -> Vec<Attack> {
    let named = |name: &str| good_token().header("alg", name);
    let secret = hmac::Key::new(hmac::HMAC_SHA256, signing_key().public_pem().as_bytes());
    let keyed_with_pem = |message: &str| hmac::sign(&secret, message.as_bytes()).as_ref().to_vec();
    let curve = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let on_curve =
        |message: &str| curve.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec();
    let long = |mut signature: Vec<u8>| {
        signature.resize(256, 0);
        signature
    };
    let rs384 = |message: &str| signing_key().sign_with(&RSA_PKCS1_SHA384, message);
    let ps256 = |message: &str| signing_key().sign_with(&RSA_PSS_SHA256, message);
    vec![
        attack("none", named("none").sign(), Refusal::Token(TokenError::Algorithm)),
        attack(
            "HS256 keyed with the PEM",
            named("HS256").sign_with(keyed_with_pem),
            Refusal::Token(TokenError::Malformed),
        ),
        attack(
            "the same, long enough",
            named("HS256").sign_with(|m| long(keyed_with_pem(m))),
            Refusal::Token(TokenError::Algorithm),
        ),
        attack("ES256", named("ES256").sign_with(on_curve), Refusal::Token(TokenError::Malformed)),
        attack(
            "the same, long enough",
            named("ES256").sign_with(|m| long(on_curve(m))),
            Refusal::Token(TokenError::Algorithm),
        ),
        attack("RS384", named("RS384").sign_with(rs384), Refusal::Token(TokenError::Algorithm)),
        attack("PS256", named("PS256").sign_with(ps256), Refusal::Token(TokenError::Algorithm)),
        attack("RS384 as RS256", named("RS256").sign_with(rs384), Refusal::Token(TokenError::Signature)),
        attack("PS256 as RS256", named("RS256").sign_with(ps256), Refusal::Token(TokenError::Signature)),
        attack(
            "HMAC as RS256",
            named("RS256").sign_with(|m| long(keyed_with_pem(m))),
            Refusal::Token(TokenError::Signature),
        ),
    ]
}

/// Headers that bring a key, once with the signature that would fit it, once with the right one.
fn headers(trap: &Url) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (name, value) in [
        ("jwk", other_key().jwk("ins_1")),
        ("jku", json!(trap.as_str())),
        ("x5u", json!(trap.as_str())),
        ("x5c", json!(["MIIB"])),
    ] {
        let token = good_token().header(name, value);
        attacks.push(attack(name, token.sign_by(other_key()), Refusal::Token(TokenError::EmbeddedKey)));
        attacks.push(attack(name, token.sign(), Refusal::Token(TokenError::EmbeddedKey)));
    }
    for value in [json!(["exp"]), json!(["b64"]), json!([]), json!(null), json!("")] {
        let token = good_token().header("crit", value.clone()).sign();
        attacks.push(attack(format!("crit {value}"), token, Refusal::Token(TokenError::CriticalExtension)));
    }
    for kind in ["cl_B7d4PD222AAA", "cl_B7d4PD333AAA"] {
        attacks.push(attack(kind, good_token().header("cat", kind).sign(), Refusal::Category));
    }
    // As Clerk's machine-to-machine tokens name themselves, whatever their category.
    let machine = good_token().claim("sub", "mch_2abc").sign();
    attacks.push(attack("a machine", machine, Refusal::Subject));
    attacks
}

/// Whose token it is.
fn parties(trap: &Url) -> Vec<Attack> {
    let foreign = good_token().claim("iss", "https://clerk.example.org");
    let pointing = good_token().claim("iss", trap.as_str());
    let mut attacks = vec![
        attack("another instance's, same kid", foreign.sign_by(other_key()), Refusal::Issuer),
        attack("the same as ours", good_token().sign_by(other_key()), Refusal::Token(TokenError::Signature)),
        attack("an issuer to be asked", pointing.sign_by(other_key()), Refusal::Issuer),
        attack("no azp", good_token().without("azp").sign(), Refusal::AuthorizedParty),
    ];
    for party in [json!(""), json!(null), json!([PARTY]), json!("https://evil.example.com")] {
        let token = good_token().claim("azp", party.clone()).sign();
        attacks.push(attack(format!("azp {party}"), token, Refusal::AuthorizedParty));
    }
    let elsewhere = good_token().claim("aud", "https://api.example.org").sign();
    attacks.push(attack("for another service", elsewhere, Refusal::Token(TokenError::Audience)));
    attacks.push(attack("pending", good_token().claim("sts", "pending").sign(), Refusal::Status));
    attacks
}

fn times() -> Vec<Attack> {
    let values: [Value; 9] = [
        json!(NOW.to_string()),
        json!(null),
        json!(-1),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e300),
        json!(253_402_300_800_i64),
        json!(1_800_000_000.5),
        json!([NOW]),
    ];
    let mut attacks = Vec::new();
    for name in ["exp", "nbf", "iat"] {
        for value in &values {
            let token = good_token().claim(name, value.clone()).sign();
            attacks.push(attack(format!("{name} {value}"), token, Refusal::Token(TokenError::Time)));
        }
    }
    let a_century = good_token().claim("exp", NOW + 100 * 31_557_600).sign();
    attacks.push(attack("exp in a hundred years", a_century, Refusal::Token(TokenError::Lifetime)));
    attacks
}

fn forms() -> Vec<Attack> {
    let append = |object: &str, member: &str| format!("{},{member}}}", object.strip_suffix('}').unwrap());
    let header = r#""kid":"ins_1""#;
    let mut attacks = vec![attack(
        header,
        good_token().sign_changed(|h, c| (append(&h, header), c)),
        Refusal::Token(TokenError::Malformed),
    )];
    for claim in [r#""sub":"user_other""#, r#""exp":9999999999"#, r#""o":{"rol":"member","rol":"admin"}"#] {
        let token = good_token().sign_changed(|h, c| (h, append(&c, claim)));
        attacks.push(attack(claim, token, Refusal::Token(TokenError::Malformed)));
    }
    for padded in [true, false] {
        let pad = |is_header: bool, part: String| if is_header == padded { part + "=" } else { part };
        let token = good_token().sign_encoded(
            String::into_bytes,
            pad,
            |message| signing_key().sign(message),
            |signature| signature,
        );
        attacks.push(attack("padded, then signed", token, Refusal::Token(TokenError::Malformed)));
    }
    attacks.push(attack(
        "padded signature",
        good_token().sign() + "==",
        Refusal::Token(TokenError::Malformed),
    ));
    let huge = good_token().claim("x", "x".repeat(100 * 1024)).sign();
    attacks.push(attack("100 KiB", huge, Refusal::Token(TokenError::TooLarge)));
    attacks
}

#[tokio::test]
async fn every_attack_is_refused_and_nobody_but_the_jwks_url_is_asked() {
    let server = Server::start(jwks_reply(&[signing_key().jwk("ins_1")])).await;
    // What it answers would make the forged tokens pass.
    let trap = Server::start(jwks_reply(&[other_key().jwk("ins_1")])).await;
    let live = Live::new(&server.url);
    assert!(live.verify(&good_token().sign()).await.is_ok());
    for (case, token, reason) in
        [algorithms(), headers(&trap.url), parties(&trap.url), times(), forms()].concat()
    {
        assert_eq!(refusal(live.verify(&token).await), reason.as_str(), "{case}");
        assert!(live.verify(&good_token().sign()).await.is_ok(), "{case}");
    }
    assert_eq!(trap.request_lines(), Vec::<String>::new());
    // The first fetch, and the one that the bad signatures share.
    assert_eq!(server.request_lines(), ["GET /jwks.json HTTP/1.1"; 2]);
}

#[tokio::test]
async fn the_refusals_are_counted_by_reason() {
    let server = Server::start(jwks_reply(&[signing_key().jwk("ins_1")])).await;
    let live = Live::new(&server.url);
    let attacks = [algorithms(), headers(&server.url), parties(&server.url), times(), forms()].concat();
    for (_, token, _) in &attacks {
        refusal(live.verify(token).await);
    }
    assert!(live.verify(&good_token().sign()).await.is_ok());
    for (reason, count) in live.verifier.refusals() {
        let expected = attacks.iter().filter(|(_, _, expected)| *expected == reason).count();
        assert_eq!(usize::try_from(count).unwrap(), expected, "{reason:?}");
    }
}

#[test]
fn a_token_without_a_signature_is_no_credential_at_all() {
    let token = good_token().header("alg", "none").sign_with(|_| Vec::new());
    assert!(token.ends_with('.'));
    assert!(Credential::parse(&KeyFormat::default(), &token).is_none());
}

#[tokio::test]
async fn a_custom_org_id_in_version_2_makes_nobody_a_member() {
    let server = Server::start(jwks_reply(&[signing_key().jwk("ins_1")])).await;
    let live = Live::new(&server.url);
    let token = good_token().claim("org_id", "org_acme").claim("org_role", "org:admin").sign();
    let session = live.verify(&token).await.unwrap();
    assert_eq!(session.organization, None);
    assert!(!session.is_organization_admin());
}

#[tokio::test]
async fn a_jwks_url_that_redirects_leads_nowhere() {
    let trap = Server::start(jwks_reply(&[other_key().jwk("ins_1")])).await;
    let redirect = Reply::with("302 Found", &format!("location: {}\r\n", trap.url), "");
    let server = Server::start(redirect).await;
    let live = Live::new(&server.url);
    live.is_unavailable(&good_token().sign_by(other_key()), "redirect").await;
    assert_eq!(trap.requests(), 0);
}
