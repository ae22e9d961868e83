//! Tokens, good ones unless they are changed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{ISSUER, PARTY, SigningKey, signing_key};

/// When the tests take place, in seconds since the epoch.
pub(crate) const NOW: i64 = 1_800_000_000;

#[derive(Clone)]
pub(crate) struct TokenBuilder {
    header: Value,
    claims: Value,
}

impl TokenBuilder {
    /// A session token as Clerk writes it, without an active organization.
    pub(crate) fn new() -> Self {
        Self {
            header: json!({"alg": "RS256", "cat": "cl_B7d4PD111AAA", "kid": "ins_1", "typ": "JWT"}),
            claims: json!({
                "azp": PARTY, "exp": NOW + 60, "fva": [0, -1], "iat": NOW, "iss": ISSUER,
                "jti": "7a1", "nbf": NOW - 10, "sid": "sess_2abc", "sts": "active",
                "sub": "user_2abc", "v": 2,
            }),
        }
    }

    /// The same with version 1 of the claims.
    pub(crate) fn version_1() -> Self {
        Self::new().without("v").without("sts")
    }

    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.header.as_object_mut().unwrap().remove(name);
        self
    }

    /// The token, signed with the key of the instance.
    pub(crate) fn sign(&self) -> String {
        self.sign_by(signing_key())
    }

    pub(crate) fn sign_by(&self, key: &SigningKey) -> String {
        self.sign_with(|message| key.sign(message))
    }

    pub(crate) fn sign_with(&self, sign: impl FnOnce(&str) -> Vec<u8>) -> String {
        Self::raw(&self.header.to_string(), &self.claims.to_string(), sign)
    }

    /// The claims as text, with `change` made to it: for what a JSON value cannot hold.
    pub(crate) fn sign_changed(&self, change: impl FnOnce(String, String) -> (String, String)) -> String {
        let (header, claims) = change(self.header.to_string(), self.claims.to_string());
        Self::raw(&header, &claims, |message| signing_key().sign(message))
    }

    /// The token with a hand in each step: the text of the claims, the two encoded parts (`true`
    /// for the header), what is signed, and the encoded signature.
    pub(crate) fn sign_encoded(
        &self,
        claims: impl FnOnce(String) -> Vec<u8>,
        part: impl Fn(bool, String) -> String,
        sign: impl FnOnce(&str) -> Vec<u8>,
        signature: impl FnOnce(String) -> String,
    ) -> String {
        let header = part(true, URL_SAFE_NO_PAD.encode(self.header.to_string()));
        let claims = part(false, URL_SAFE_NO_PAD.encode(claims(self.claims.to_string())));
        let message = format!("{header}.{claims}");
        let signature = signature(URL_SAFE_NO_PAD.encode(sign(&message)));
        format!("{message}.{signature}")
    }

    fn raw(header: &str, claims: &str, sign: impl FnOnce(&str) -> Vec<u8>) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(sign(&message));
        format!("{message}.{signature}")
    }
}
