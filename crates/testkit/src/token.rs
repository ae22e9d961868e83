//! JSON Web Tokens (RFC 7519), good ones unless they are changed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::SigningKey;

/// A token that is yet to be signed.
#[derive(Clone)]
pub struct TokenBuilder {
    header: Value,
    claims: Value,
    key: &'static SigningKey,
}

impl TokenBuilder {
    /// With this header and these claims, both objects, and the key that it ought to be signed with.
    #[must_use]
    pub const fn new(header: Value, claims: Value, key: &'static SigningKey) -> Self {
        Self { header, claims, key }
    }

    /// The same with this claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// The same without this claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().expect("claims").remove(name);
        self
    }

    /// The same with this member of the header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    /// The same without this member of the header.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.as_object_mut().expect("a header").remove(name);
        self
    }

    /// The same with the times of tokens that are valid at no time, each of which is at most 10 s from `now`,
    /// with what they are.
    #[must_use]
    pub fn valid_at_no_time(&self, now: i64) -> Vec<(String, Self)> {
        let times = [(-10, 4, -4), (-10, 0, 0), (4, -10, -4), (0, -10, 0), (5, 5, 4)];
        let token = |(issued, begins, expires): (i64, i64, i64)| {
            let case = format!("iat {issued} nbf {begins} exp {expires}");
            let token = self.clone().claim("iat", now + issued).claim("nbf", now + begins);
            (case, token.claim("exp", now + expires))
        };
        times.map(token).into()
    }

    /// The token, signed with the key that it ought to be signed with.
    #[must_use]
    pub fn sign(&self) -> String {
        self.sign_by(self.key)
    }

    /// The token, signed with another key.
    #[must_use]
    pub fn sign_by(&self, key: &SigningKey) -> String {
        self.sign_with(|message| key.sign(message))
    }

    /// The token, signed in another way.
    pub fn sign_with(&self, sign: impl FnOnce(&str) -> Vec<u8>) -> String {
        self.sign_encoded(String::into_bytes, |_, part| part, sign, |signature| signature)
    }

    /// The token with `change` made to the texts of header and claims: for what a JSON value cannot hold.
    pub fn sign_changed(&self, change: impl FnOnce(String, String) -> (String, String)) -> String {
        let (header, claims) = change(self.header.to_string(), self.claims.to_string());
        let message = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(self.key.sign(&message)))
    }

    /// The token with a hand in each step: the text of the claims, the two encoded parts (`true` for the
    /// header), what is signed, and the encoded signature.
    pub fn sign_encoded(
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
}
