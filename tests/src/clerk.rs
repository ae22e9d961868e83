//! A stand-in for Clerk: an issuer of session tokens with a key of its own.

use std::sync::{
    LazyLock,
    atomic::{AtomicU32, Ordering},
};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};

use crate::clock;

/// The issuer that installations accept.
pub const ISSUER: &str = "https://clerk.capykeys.test";

/// The id of its key.
pub const KEY_ID: &str = "ins_test";

struct Issuer {
    public_pem: String,
    signing: EncodingKey,
}

static ISSUER_KEY: LazyLock<Issuer> = LazyLock::new(new_key);
static OTHER_KEY: LazyLock<Issuer> = LazyLock::new(new_key);

fn new_key() -> Issuer {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("its public half");
    let private: Pkcs8V1Der<'_> = pair.as_der().expect("its private half");
    let private = pem("PRIVATE KEY", private.as_ref());
    Issuer {
        public_pem: pem("PUBLIC KEY", public.as_ref()),
        signing: EncodingKey::from_rsa_pem(private.as_bytes()).expect("a signing key"),
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The public key of the issuer.
pub fn public_key_pem() -> &'static str {
    &ISSUER_KEY.public_pem
}

/// The public key of [`Session::sign_with_another_key`].
pub fn other_public_key_pem() -> &'static str {
    &OTHER_KEY.public_pem
}

/// The key set of the issuer, as it publishes it.
pub fn jwks() -> Value {
    let mut jwk = Jwk::from_encoding_key(&ISSUER_KEY.signing, Algorithm::RS256).expect("a JWK");
    jwk.common.key_id = Some(KEY_ID.to_owned());
    json!({"keys": [jwk]})
}

/// A Clerk organization id that no other test uses.
pub fn organization_id() -> String {
    format!("org_{}", unique())
}

/// A Clerk user id that no other test uses.
pub fn user_id() -> String {
    format!("user_{}", unique())
}

fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    format!("2test{:06}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A session token in the making: version 2 of the claims, valid, of a user without an active
/// organization.
#[derive(Clone, Debug)]
pub struct Session {
    header: Header,
    claims: Value,
    user: String,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// Of a user of its own.
    pub fn new() -> Self {
        let (now, user) = (clock::unix_seconds(), user_id());
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(KEY_ID.to_owned());
        let claims = json!({
            "v": 2, "iss": ISSUER, "sub": user, "sid": format!("sess_{}", unique()), "sts": "active",
            "iat": now, "nbf": now - 5, "exp": now + 600, "jti": unique(), "fva": [0, -1],
            "azp": "https://console.capykeys.test", "pla": "u:free",
        });
        Self { header, claims, user }
    }

    /// In which this organization is active.
    #[must_use]
    pub fn in_organization(self, id: &str, role: &str) -> Self {
        let slug = format!("slug-{}", id.trim_start_matches("org_"));
        self.claim("o", json!({"id": id, "rol": role, "slg": slug}))
    }

    /// Of an administrator of the organization.
    pub fn admin(organization: &str) -> Self {
        Self::new().in_organization(organization, "admin")
    }

    /// Of a member of the organization.
    pub fn member(organization: &str) -> Self {
        Self::new().in_organization(organization, "member")
    }

    /// In which somebody else acts as the user.
    #[must_use]
    pub fn impersonated(self) -> Self {
        self.claim("act", json!({"sub": "user_2support", "iss": "https://dashboard.clerk.com"}))
    }

    /// That is not signed in yet.
    #[must_use]
    pub fn pending(self) -> Self {
        self.claim("sts", json!("pending"))
    }

    /// With another claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    /// Without a claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        if let Some(claims) = self.claims.as_object_mut() {
            claims.remove(name);
        }
        self
    }

    /// With another header.
    #[must_use]
    pub fn with_header(mut self, change: impl FnOnce(&mut Header)) -> Self {
        change(&mut self.header);
        self
    }

    /// Whose it is.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The token.
    pub fn sign(&self) -> String {
        self.sign_with(&ISSUER_KEY)
    }

    /// The token, signed with a key that is not the issuer's.
    pub fn sign_with_another_key(&self) -> String {
        self.sign_with(&OTHER_KEY)
    }

    /// The token as a forger makes it who knows the public key alone: an HMAC with it.
    pub fn sign_with_the_public_key_as_a_secret(&self) -> String {
        let header = Header { alg: Algorithm::HS256, ..self.header.clone() };
        let secret = EncodingKey::from_secret(public_key_pem().as_bytes());
        encode(&header, &self.claims, &secret).expect("a token")
    }

    fn sign_with(&self, issuer: &Issuer) -> String {
        encode(&self.header, &self.claims, &issuer.signing).expect("a token")
    }
}
