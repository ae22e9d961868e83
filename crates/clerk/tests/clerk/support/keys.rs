//! Key pairs, made anew in each run.

use std::sync::LazyLock;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize, PublicKeyComponents},
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaEncoding},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

pub(crate) struct SigningKey(KeyPair);

impl SigningKey {
    fn generate() -> Self {
        Self(KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(crate) fn sign(&self, message: &str) -> Vec<u8> {
        self.sign_with(&RSA_PKCS1_SHA256, message)
    }

    pub(crate) fn sign_with(&self, algorithm: &'static dyn RsaEncoding, message: &str) -> Vec<u8> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(algorithm, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        signature
    }

    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let components: PublicKeyComponents<Vec<u8>> = self.0.public_key().into();
        let (n, e) = (URL_SAFE_NO_PAD.encode(components.n), URL_SAFE_NO_PAD.encode(components.e));
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": n, "e": e})
    }

    /// The public key as Clerk's dashboard shows it.
    pub(crate) fn public_pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = self.0.public_key().as_der().unwrap();
        pem("PUBLIC KEY", der.as_ref())
    }

    /// The public key in DER (PKCS #1).
    pub(crate) fn public_der(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    /// The public key in the older form (PKCS #1).
    pub(crate) fn public_pkcs1_pem(&self) -> String {
        pem("RSA PUBLIC KEY", &self.public_der())
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The key that tokens are signed with.
pub(crate) fn signing_key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);
    &KEY
}

/// Somebody else's key, or the next one.
pub(crate) fn other_key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);
    &KEY
}

/// A JWK set.
pub(crate) fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}
