//! The header (RFC 7515, section 4.1).

use capykeys_jwks::{Algorithm, Object};
use serde_json::Value;

use crate::refusal::Refusal;

/// The category of session tokens, as Clerk's own SDK knows it (`jwtCategories.ts` in
/// `@clerk/backend`). Templates (`cl_B7d4PD222AAA`) and machine tokens (`cl_B7d4PD333AAA`) are
/// signed with the same key and must not pass for sessions. The category `cl_I7d4PD111III` of
/// instances that opted out of categories stands for any of them, and is refused with them.
const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";

/// Members that bring a key or say where one is: a verifier that follows them trusts the forger.
const EMBEDDED_KEYS: [&str; 4] = ["jwk", "jku", "x5u", "x5c"];

/// What is left of a header that was accepted.
pub(super) struct Header {
    /// `kid`, where there is one.
    pub(super) key_id: Option<String>,
}

impl Header {
    /// Accepts the header of a session token and no other.
    pub(super) fn parse(header: &Object) -> Result<Self, Refusal> {
        if header.text("alg") != Some(Algorithm::Rs256.name()) {
            return Err(Refusal::Algorithm);
        }
        if header.text("typ") != Some("JWT") {
            return Err(Refusal::Type);
        }
        if header.get("crit").is_some() {
            return Err(Refusal::CriticalExtension);
        }
        if EMBEDDED_KEYS.iter().any(|name| header.get(name).is_some()) {
            return Err(Refusal::EmbeddedKey);
        }
        if header.get("cat").is_some_and(|category| category != SESSION_CATEGORY) {
            return Err(Refusal::Category);
        }
        match header.get("kid") {
            None => Ok(Self { key_id: None }),
            Some(Value::String(id)) if !id.is_empty() => Ok(Self { key_id: Some(id.clone()) }),
            Some(_) => Err(Refusal::KeyId),
        }
    }
}
