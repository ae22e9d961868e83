//! The cases.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA384, RSA_PSS_SHA256},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Candidate, KEY, KEY_ID, OTHER_KEY, Published, World};

/// Stands in tokens, and must never come back.
pub(super) const SECRET: &str = "hush-hush";

const HOUR: u64 = 3_600;
const SOMEBODY_ELSE: &str = "https://somebody.else.example";

pub async fn a_good_token_is_its_session<C: Candidate>() {
    let world = World::<C>::new().await;
    world.accepts(&world.token().sign(), "as it is").await;
    world.accepts(&world.token().claim("https://example.com/more", json!({"a": [1]})).sign(), "more").await;
}

/// None, one of another token, one with a bit changed, and one that is cut.
pub async fn a_token_with_another_signature_is_refused<C: Candidate>() {
    let world = World::<C>::new().await;
    let token = world.token().claim("note", SECRET);
    let other = KEY.sign("another message");
    for (case, signature) in [
        ("another message's", other.clone()),
        ("zeros", vec![0; other.len()]),
        ("one byte", vec![0]),
        ("too long", [&other[..], &[0]].concat()),
    ] {
        world.refuses(&token.sign_with(|_| signature), case).await;
    }
    let bit = |message: &str| {
        let mut signature = KEY.sign(message);
        signature[100] ^= 1;
        signature
    };
    world.refuses(&token.sign_with(bit), "a bit changed").await;
    world.accepts(&world.token().sign(), "a good one afterwards").await;
}

pub async fn a_token_of_another_key_is_refused<C: Candidate>() {
    let world = World::<C>::new().await;
    world.refuses(&world.token().sign_by(&OTHER_KEY), "the same kid").await;
    world.refuses(&world.token().header("kid", SECRET).sign_by(&OTHER_KEY), "another kid").await;
    world.refuses(&world.token().without_header("kid").sign_by(&OTHER_KEY), "no kid").await;
    for kid in [json!(1), json!(null), json!([KEY_ID]), json!("")] {
        world.refuses(&world.token().header("kid", kid.clone()).sign_by(&OTHER_KEY), "an odd kid").await;
    }
}

/// None at all, an HMAC keyed with the public key in whatever form, another one by the right key, and another key.
pub async fn a_token_of_another_algorithm_is_refused<C: Candidate>() {
    let world = World::<C>::new().await;
    let named = |name: &str| world.token().header("alg", name);
    for name in ["none", "None", "NONE", "", "rs256", "HS256", "RS384", "PS256", "ES256", "EdDSA"] {
        world.refuses(&named(name).sign(), name).await;
        world.refuses(&named(name).sign_with(|_| vec![0]), name).await;
        world.refuses(&named(name).sign_with(|_| Vec::new()), name).await;
    }
    let jwk = KEY.jwk(KEY_ID).to_string();
    let modulus = URL_SAFE_NO_PAD.decode(KEY.jwk(KEY_ID)["n"].as_str().unwrap()).unwrap();
    let public = [KEY.public_pem(), KEY.public_pkcs1_pem(), jwk].map(String::into_bytes);
    for secret in public.into_iter().chain([KEY.public_der(), modulus]) {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let keyed = |message: &str| hmac::sign(&secret, message.as_bytes()).as_ref().to_vec();
        for name in ["HS256", "RS256"] {
            world.refuses(&named(name).sign_with(keyed), "an HMAC with the public key").await;
        }
    }
    let curve = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let on_curve =
        |message: &str| curve.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec();
    world.refuses(&named("ES256").sign_with(on_curve), "ES256").await;
    world.refuses(&named("RS256").sign_with(on_curve), "ES256 as RS256").await;
    for (case, encoding) in
        [("RS384", &RSA_PKCS1_SHA384 as &dyn aws_lc_rs::signature::RsaEncoding), ("PS256", &RSA_PSS_SHA256)]
    {
        world.refuses(&named("RS256").sign_with(|message| KEY.sign_with(encoding, message)), case).await;
    }
    world.refuses(&world.token().without_header("alg").sign(), "no algorithm").await;
    world.refuses(&world.token().header("alg", json!(["RS256"])).sign(), "several algorithms").await;
}

/// In the header, or at an address that the header names, be it the issuer's own server.
pub async fn a_token_that_brings_its_own_key_is_refused_and_nobody_is_asked<C: Candidate>() {
    let world = World::<C>::new().await;
    let elsewhere = format!("{}/forged", world.issuer.url());
    let own = OTHER_KEY.jwk(SECRET);
    for (name, value) in
        [("jwk", own.clone()), ("jku", json!(elsewhere)), ("x5u", json!(elsewhere)), ("x5c", json!(["MA=="]))]
    {
        let token = world.token().header(name, value);
        world.refuses(&token.sign_by(&OTHER_KEY), name).await;
        world.refuses(&token.header("kid", SECRET).sign_by(&OTHER_KEY), name).await;
    }
    for extension in [json!(["b64"]), json!(["exp"]), json!([SECRET])] {
        world.refuses(&world.token().header("crit", extension).sign(), "crit").await;
    }
    assert!(!world.issuer.asked().iter().any(|path| path.contains("forged")));
}

pub async fn a_token_of_which_anything_is_changed_is_refused<C: Candidate>() {
    let world = World::<C>::new().await;
    let token = world.token().sign();
    world.accepts(&token, "unchanged").await;
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        world.refuses(&String::from_utf8(changed).unwrap(), &format!("at {at}")).await;
    }
    world.accepts(&token, "unchanged, afterwards").await;
}

/// RFC 7519, section 4: two readers could see two different values.
pub async fn a_token_with_a_member_twice_is_refused<C: Candidate>() {
    let world = World::<C>::new().await;
    let (header, claims) = C::token(world.now());
    let again = |object: &str, name: &str, value: &Value| {
        let object = object.strip_suffix('}').unwrap();
        format!("{object},{}:{value}}}", json!(name))
    };
    for (name, value) in header.as_object().unwrap().iter().chain([(&"kid".to_owned(), &json!(KEY_ID))]) {
        let twice = world.token().sign_changed(|header, claims| (again(&header, name, value), claims));
        world.refuses(&twice, &format!("{name} of the header")).await;
    }
    for (name, value) in claims.as_object().unwrap() {
        let twice = world.token().sign_changed(|header, claims| (header, again(&claims, name, value)));
        world.refuses(&twice, name).await;
    }
    let deep = world
        .token()
        .claim("note", "@")
        .sign_changed(|header, claims| (header, claims.replace("\"@\"", r#"[{"a":{"b":1,"\u0062":2}}]"#)));
    world.refuses(&deep, "deep inside").await;
}

pub async fn what_is_no_token_is_refused<C: Candidate>() {
    let world = World::<C>::new().await;
    let good = world.token().sign();
    let (message, signature) = good.rsplit_once('.').unwrap();
    for text in ["", ".", "..", "a.b.c", "é.é.é", "a.b", "a.b.c.d.e", " . . "] {
        world.refuses(text, text).await;
    }
    for text in [
        message.to_owned(),
        format!("{message}."),
        format!("{good}.{signature}"),
        format!("{good}="),
        format!("{good} "),
        good.replace('.', ".."),
    ] {
        world.refuses(&text, "three parts and no more").await;
    }
    for claims in ["", "null", "[]", "1", "\"a\"", "{", "{}{}", "{\"a\":1,}", "\u{feff}{}"] {
        let token = world.token().sign_changed(|header, _| (header, claims.to_owned()));
        world.refuses(&token, "claims that are no object").await;
        let token = world.token().sign_changed(|_, good| (claims.to_owned(), good));
        world.refuses(&token, "a header that is no object").await;
    }
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    world.refuses(&world.token().sign_changed(|header, _| (header, deep)), "claims of great depth").await;
}

pub async fn a_huge_token_is_refused<C: Candidate>() {
    let world = World::<C>::new().await;
    let huge = "x".repeat(1 << 20);
    world.refuses(&world.token().claim("note", huge.clone()).sign(), "claims").await;
    world.refuses(&world.token().header("note", huge).sign(), "header").await;
    world.refuses(&world.token().sign_with(|_| vec![1; 1 << 20]), "signature").await;
}

/// By a minute: the clocks may be somewhat apart.
pub async fn an_expired_token_is_refused<C: Candidate>() {
    let world = World::<C>::new().await;
    let before = world.token();
    world.accepts(&before.sign(), "in time").await;
    let now = world.now();
    let token = before.clone().claim("iat", now - 300).claim("nbf", now - 300).claim("exp", now - 60);
    world.refuses(&token.sign(), "expired").await;
    world.advance(24 * HOUR);
    world.refuses(&before.sign(), "the next day").await;
}

pub async fn a_token_that_is_not_valid_yet_is_refused<C: Candidate>() {
    let world = World::<C>::new().await;
    let later = world.now() + 300;
    let token = world.token().claim("exp", later + 300);
    world.refuses(&token.clone().claim("nbf", later).sign(), "nbf").await;
    world.refuses(&token.claim("nbf", later).claim("iat", later).sign(), "nbf and iat").await;
}

/// Without `exp`, with one that is no time, and with one that lies a hundred years off.
pub async fn a_token_that_does_not_end_soon_is_refused<C: Candidate>() {
    let world = World::<C>::new().await;
    let far = world.now() + 100 * 365 * 24 * HOUR;
    for exp in
        [json!(null), json!("9999999999"), json!(1e300), json!(-1), json!([far]), json!(far), json!(u64::MAX)]
    {
        world.refuses(&world.token().claim("exp", exp.clone()).sign(), &exp.to_string()).await;
    }
    world.refuses(&world.token().without("exp").sign(), "none").await;
}

pub async fn a_token_of_another_issuer_is_refused<C: Candidate>() {
    let world = World::<C>::new().await;
    let own = world.issuer.url().to_owned();
    for issuer in [
        json!(SOMEBODY_ELSE),
        json!(format!("{own}/")),
        json!(own.to_uppercase()),
        json!(format!("{own} ")),
        json!(own.replace("http:", "https:")),
        json!(""),
        json!(null),
        json!([own]),
    ] {
        world.refuses(&world.token().claim("iss", issuer.clone()).sign(), &issuer.to_string()).await;
    }
    world.refuses(&world.token().without("iss").sign(), "none").await;
}

pub async fn a_token_for_another_audience_is_refused<C: Candidate>() {
    let world = World::<C>::new().await;
    for audience in
        [json!(SOMEBODY_ELSE), json!([SOMEBODY_ELSE]), json!([]), json!(""), json!(null), json!(1), json!({})]
    {
        world.refuses(&world.token().claim("aud", audience.clone()).sign(), &audience.to_string()).await;
    }
}

pub async fn a_token_without_a_claim_that_it_needs_is_refused<C: Candidate>() {
    let world = World::<C>::new().await;
    for &name in C::REQUIRED {
        world.refuses(&world.token().without(name).sign(), &format!("without {name}")).await;
        for nothing in [json!(null), json!(""), json!({}), json!(true)] {
            world.refuses(&world.token().claim(name, nothing).sign(), &format!("with an odd {name}")).await;
        }
    }
}

/// A good token is never refused because its keys cannot be had, and never accepted.
pub async fn for_want_of_keys_nothing_is_known_until_they_are_there<C: Candidate>() {
    let (own, others) = (KEY.jwk(KEY_ID), OTHER_KEY.jwk("key_2"));
    for published in [
        Published::Failure,
        Published::Silence,
        Published::Text(""),
        Published::Text("<html>"),
        Published::Text(r#"{"keys":[]}"#),
        Published::Keys(vec![json!({"kty": "oct", "kid": KEY_ID, "k": "aHVzaA"})]),
    ] {
        let case = format!("{published:?}");
        let world = World::<C>::with(published).await;
        world.is_unavailable(&world.token().claim("note", SECRET).sign(), &case).await;
        world.issuer.publish(Published::Keys(vec![others.clone(), own.clone()]));
        world.accepts_in_the_end(&case).await;
        world.issuer.publish(Published::Failure);
        world.advance(10);
        world.accepts(&world.token().sign(), "the keys are still known").await;
        world.advance(30 * 24 * HOUR);
        world.is_unavailable(&world.token().sign(), "the keys may have changed since").await;
    }
}

/// A new one counts at once, one that is gone not for ever, and a `kid` may be given again.
pub async fn the_issuer_changes_its_keys<C: Candidate>() {
    let world = World::<C>::new().await;
    world.accepts(&world.token().sign(), "the first key").await;
    world.issuer.publish(Published::Keys(vec![KEY.jwk(KEY_ID), OTHER_KEY.jwk("key_2")]));
    world.advance(60);
    world.accepts(&world.token().header("kid", "key_2").sign_by(&OTHER_KEY), "a new key").await;
    world.accepts(&world.token().sign(), "the first key, still").await;
    world.issuer.publish(Published::Keys(vec![OTHER_KEY.jwk("key_2")]));
    // Whoever asks after so long waits for the answer, or has the keys renewed for the next one.
    world.advance(2 * HOUR);
    world.accepts(&world.token().header("kid", "key_2").sign_by(&OTHER_KEY), "the new key alone").await;
    world.refuses(&world.token().sign(), "a key that is gone").await;
    world.issuer.publish(Published::Keys(vec![KEY.jwk("key_2")]));
    world.advance(60);
    world.accepts(&world.token().header("kid", "key_2").sign(), "another key of the same name").await;
}

pub async fn a_flood_of_forged_tokens_is_no_flood_of_fetches<C: Candidate>() {
    let world = World::<C>::new().await;
    world.accepts(&world.token().sign(), "a good one first").await;
    for number in 0..200 {
        let token = world.token().header("kid", format!("made-up-{number}"));
        world.refuses(&token.sign_with(|_| vec![1; 256]), "forged").await;
    }
    let fetches = world.issuer.asked().iter().filter(|path| *path == "/jwks").count();
    assert!(fetches <= 3, "{fetches} fetches");
    world.accepts(&world.token().sign(), "a good one afterwards").await;
}
