//! The body that says why a key is disabled.

use capykeys_domain::{model::DisablingReason, secret::KeyFormat};
use serde::Deserialize;
use utoipa::ToSchema;

use super::members::{Members, present};
use crate::error::ApiError;

/// Why a key is disabled. Members that are not listed here are ignored.
#[derive(Deserialize, ToSchema)]
#[schema(as = DisableApiKeyRequest, example = json!({ "reason": "Found in a public repository." }))]
pub(crate) struct DisableApiKeyRequest {
    /// Why; whoever may see the key can read it. No control characters, and not white space and invisible
    /// characters alone.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// The reason that the body gives.
///
/// # Errors
/// 400 with a sentence that names the member and the rule.
pub(crate) fn reason(body: &[u8], format: &KeyFormat) -> Result<Option<DisablingReason>, ApiError> {
    let asked: DisableApiKeyRequest = Members::parse(body)?.read()?;
    let Some(text) = asked.reason else { return Ok(None) };
    format.must_not_occur_in("reason", Some(&text))?;
    Ok(Some(DisablingReason::parse(&text)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Option<DisablingReason>, String> {
        reason(body.as_bytes(), &KeyFormat::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_reason_is_read_where_there_is_one() {
        assert_eq!(parse("{}"), Ok(None));
        assert_eq!(parse(r#"{"reason":" leaked ","new":[]}"#).unwrap().unwrap().as_str(), " leaked ");
    }

    #[test]
    fn a_broken_rule_is_named_without_the_value() {
        let key = "capy_live_000000000000000000000000000000003UFVO5";
        let long = "x".repeat(201);
        for (value, sentence) in [
            ("null".to_owned(), "`reason` must be a string."),
            ("1".to_owned(), "`reason` must be a string."),
            (r#""""#.to_owned(), "`reason` must be 1 to 200 characters long."),
            (format!("\"{long}\""), "`reason` must be 1 to 200 characters long."),
            (format!("\"see {key}\""), "`reason` must not contain an API key."),
        ] {
            assert_eq!(parse(&format!(r#"{{"reason":{value}}}"#)).unwrap_err(), sentence);
        }
    }
}
