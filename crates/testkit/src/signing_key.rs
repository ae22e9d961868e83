//! Key pairs for tokens, made anew in each run.

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize, PublicKeyComponents},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaEncoding},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

/// What an issuer signs its tokens with.
pub enum SigningKey {
    /// RSA, for RS256.
    Rsa(KeyPair),
    /// The curve P-256, for ES256.
    Curve(EcdsaKeyPair),
}

impl SigningKey {
    /// A new key for RS256.
    #[must_use]
    pub fn rsa() -> Self {
        Self::Rsa(KeyPair::generate(KeySize::Rsa2048).expect("a key"))
    }

    /// A new key for ES256.
    #[must_use]
    pub fn curve() -> Self {
        Self::Curve(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"))
    }

    /// The signature.
    #[must_use]
    pub fn sign(&self, message: &str) -> Vec<u8> {
        match self {
            Self::Rsa(_) => self.sign_with(&RSA_PKCS1_SHA256, message),
            Self::Curve(key) => {
                key.sign(&SystemRandom::new(), message.as_bytes()).expect("a signature").as_ref().to_vec()
            }
        }
    }

    /// The signature by RSA with this encoding.
    #[must_use]
    pub fn sign_with(&self, algorithm: &'static dyn RsaEncoding, message: &str) -> Vec<u8> {
        let Self::Rsa(key) = self else { panic!("not a key of RSA") };
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(algorithm, &SystemRandom::new(), message.as_bytes(), &mut signature).expect("a signature");
        signature
    }

    /// The public key as its issuer publishes it (RFC 7517).
    #[must_use]
    pub fn jwk(&self, kid: &str) -> Value {
        let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        match self {
            Self::Rsa(key) => {
                let components: PublicKeyComponents<Vec<u8>> = key.public_key().into();
                let (n, e) = (encode(&components.n), encode(&components.e));
                json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": n, "e": e})
            }
            Self::Curve(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                let (x, y) = (encode(x), encode(y));
                json!({"kty": "EC", "use": "sig", "alg": "ES256", "kid": kid, "crv": "P-256", "x": x, "y": y})
            }
        }
    }

    /// The public key in the usual form of PEM.
    #[must_use]
    pub fn public_pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Rsa(key) => key.public_key().as_der().expect("a key"),
            Self::Curve(key) => key.public_key().as_der().expect("a key"),
        };
        pem("PUBLIC KEY", der.as_ref())
    }

    /// The public key of RSA in the older form of DER (PKCS #1).
    #[must_use]
    pub fn public_der(&self) -> Vec<u8> {
        let Self::Rsa(key) = self else { panic!("not a key of RSA") };
        key.public_key().as_ref().to_vec()
    }

    /// The same in PEM.
    #[must_use]
    pub fn public_pkcs1_pem(&self) -> String {
        pem("RSA PUBLIC KEY", &self.public_der())
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A set of public keys (RFC 7517, section 5).
#[must_use]
pub fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}
