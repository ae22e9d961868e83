//! Whom a token is for.

use serde_json::Value;

use crate::{error::TokenError, json::Object};

/// Checks that `aud` names `audience` (RFC 7519, section 4.1.3): one is a text, several are an array of
/// texts; an array that holds anything else names nobody. Without `audience`, that there is no `aud`: such
/// a token is meant for somebody else.
///
/// # Errors
/// [`TokenError::Audience`].
pub fn check_audience(claims: &Object, audience: Option<&str>) -> Result<(), TokenError> {
    let for_us = match (claims.get("aud"), audience) {
        (None, None) => true,
        (Some(Value::String(one)), Some(audience)) => one == audience,
        (Some(Value::Array(all)), Some(audience)) => {
            all.iter().all(Value::is_string) && all.iter().any(|one| one == audience)
        }
        _ => false,
    };
    if for_us { Ok(()) } else { Err(TokenError::Audience) }
}
