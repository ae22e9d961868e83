//! The header (RFC 7515, section 4.1).

use capykeys_jwks::{Algorithm, Object};
use serde_json::Value;

use crate::refusal::Refusal;

/// The algorithms that a cluster signs with. The API server takes RSA and ECDSA keys alike.
pub(crate) const ALGORITHMS: &[Algorithm] = &[Algorithm::Rs256, Algorithm::Es256];

/// Members that bring a key or say where one is: a verifier that follows them trusts the forger.
const EMBEDDED_KEYS: [&str; 4] = ["jwk", "jku", "x5u", "x5c"];

/// What is left of a header that was accepted.
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    /// `kid`, where there is one.
    pub(crate) key_id: Option<String>,
}

impl Header {
    /// Accepts the header of a workload's token and no other. Kubernetes writes no `typ`.
    pub(crate) fn parse(header: &Object) -> Result<Self, Refusal> {
        let name = header.text("alg");
        let algorithm = ALGORITHMS.iter().find(|algorithm| name == Some(algorithm.name()));
        let algorithm = *algorithm.ok_or(Refusal::Algorithm)?;
        if header.get("typ").is_some_and(|kind| kind != "JWT") {
            return Err(Refusal::Type);
        }
        if header.get("crit").is_some() {
            return Err(Refusal::CriticalExtension);
        }
        if EMBEDDED_KEYS.iter().any(|name| header.get(name).is_some()) {
            return Err(Refusal::EmbeddedKey);
        }
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) if !id.is_empty() => Some(id.clone()),
            Some(_) => return Err(Refusal::KeyId),
        };
        Ok(Self { algorithm, key_id })
    }
}
