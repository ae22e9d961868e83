//! What it costs to verify a session token, beside the RSA operation that is in it.
//!
//! `cargo bench -p capykeys-clerk`
#![expect(clippy::unwrap_used, clippy::panic, reason = "as in a test, whose support this uses")]

#[path = "../tests/clerk/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "made for the tests, which need more of it")]
mod support;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use capykeys_clerk::{InstanceSettings, PublicKeySource};
use capykeys_domain::{ports::SessionVerifier, secret::BearerToken};
use divan::{Bencher, Divan, black_box};
use tokio::runtime::{Builder, Runtime};

use self::support::{Harness, bearer, good_token, instance, signing_key};

fn main() {
    Divan::default().sample_count(2_000).config_with_args().main();
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn token() -> BearerToken {
    bearer(&good_token().sign())
}

fn verify(bencher: Bencher<'_, '_>, settings: InstanceSettings, token: &BearerToken) {
    let runtime = runtime();
    let harness = runtime.block_on(async { Harness::with([settings]) });
    // The first one fetches the keys, where they are fetched.
    runtime.block_on(harness.verifier.verify_session(&self::token())).unwrap();
    bencher.bench_local(|| runtime.block_on(harness.verifier.verify_session(black_box(token))).is_ok());
}

#[divan::bench]
fn token_with_cached_jwks(bencher: Bencher<'_, '_>) {
    verify(bencher, instance(), &token());
}

#[divan::bench]
fn token_with_pem(bencher: Bencher<'_, '_>) {
    let keys = PublicKeySource::Pem(signing_key().public_pem());
    verify(bencher, InstanceSettings { keys, ..instance() }, &token());
}

/// All the rules and no signature: they come first.
#[divan::bench]
fn expired_token(bencher: Bencher<'_, '_>) {
    verify(bencher, instance(), &bearer(&good_token().claim("exp", 1).sign()));
}

/// What is signed, and the signature.
fn signed() -> (String, Vec<u8>) {
    let token = good_token().sign();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    (signed.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
}

/// The operation alone, with the key given as modulus and exponent, as a JWK set has it.
#[divan::bench]
fn rsa_alone_key_from_components(bencher: Bencher<'_, '_>) {
    let (signed, signature) = signed();
    let jwk = signing_key().jwk("ins_1");
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let key = RsaPublicKeyComponents { n: number("n"), e: number("e") };
    bencher.bench_local(|| {
        key.verify(&RSA_PKCS1_2048_8192_SHA256, black_box(signed.as_bytes()), &signature).is_ok()
    });
}

/// The operation alone, with a key that was read beforehand.
#[divan::bench]
fn rsa_alone_key_parsed(bencher: Bencher<'_, '_>) {
    let (signed, signature) = signed();
    let der = signing_key().public_der();
    let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der).unwrap();
    bencher.bench_local(|| key.verify_sig(black_box(signed.as_bytes()), &signature).is_ok());
}
