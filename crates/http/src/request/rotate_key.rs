//! The body that says how a key is rotated.

use std::time::Duration;

use capykeys_domain::{model::Invalid, usecases::RotateKeyRequest};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::members::{Members, present, whole_number};
use crate::error::ApiError;

/// How a key is rotated. Members that are not listed here are ignored.
#[derive(Deserialize, ToSchema)]
#[schema(as = RotateApiKeyRequest, example = json!({ "grace_seconds": 3600 }))]
pub(crate) struct RotateApiKeyRequest {
    /// For how many seconds the secret before is good beside the new one; 0 ends it at once. A day where it is left out, and
    /// at most 30 days, unless the service is set otherwise.
    #[serde(default, deserialize_with = "whole_seconds")]
    #[schema(nullable = false, minimum = 0, maximum = 2_147_483_647)]
    grace_seconds: Option<u32>,
    /// End the secret before once it was not used for so many seconds, if its grace has not ended by then. Some seconds are
    /// added, since uses are written every few.
    #[serde(default, deserialize_with = "whole_seconds")]
    #[schema(nullable = false, minimum = 1, maximum = 2_147_483_647)]
    finish_when_idle_seconds: Option<u32>,
    /// Where two secrets are good already, replace the newer one: its answer was lost, and nobody has got it. The older one
    /// stays good until its grace ends, but with `grace_seconds` 0 ends too.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    discard_newest: Option<bool>,
}

fn whole_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    whole_number(deserializer, i32::MAX.unsigned_abs(), "a whole number of seconds")
}

/// What the body asks for.
///
/// # Errors
/// 400 with a sentence that names the member and the rule.
pub(crate) fn rotation(body: &[u8]) -> Result<RotateKeyRequest, ApiError> {
    let asked: RotateApiKeyRequest = Members::parse(body)?.read()?;
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    if asked.finish_when_idle_seconds == Some(0) {
        return Err(Invalid::new("finish_when_idle_seconds", "must be at least 1").into());
    }
    Ok(RotateKeyRequest {
        grace: asked.grace_seconds.map(seconds),
        finish_when_idle: asked.finish_when_idle_seconds.map(seconds),
        discard_newest: asked.discard_newest.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<RotateKeyRequest, String> {
        rotation(body.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_asked_is_read_and_what_is_not_is_left_out() {
        let of = |seconds: Option<u64>, discard_newest| {
            let grace = seconds.map(Duration::from_secs);
            Ok(RotateKeyRequest { grace, discard_newest, ..RotateKeyRequest::default() })
        };
        for (body, expected) in [
            ("{}", of(None, false)),
            (r#"{"new":[]}"#, of(None, false)),
            (r#"{"grace_seconds":0}"#, of(Some(0), false)),
            (r#"{"grace_seconds":3.6e3,"discard_newest":false}"#, of(Some(3_600), false)),
            (r#"{"grace_seconds":2147483647,"discard_newest":true}"#, of(Some(2_147_483_647), true)),
        ] {
            assert_eq!(parse(body), expected, "{body}");
        }
    }

    #[test]
    fn a_broken_rule_is_named_without_the_value() {
        for value in ["-1", "1.5", "2147483648", "null", "true", r#""capy_live_x""#, "[]"] {
            let sentence = "`grace_seconds` must be a whole number of seconds.";
            assert_eq!(parse(&format!(r#"{{"grace_seconds":{value}}}"#)).unwrap_err(), sentence);
        }
        assert_eq!(
            parse(r#"{"finish_when_idle_seconds":0}"#).unwrap_err(),
            "`finish_when_idle_seconds` must be at least 1."
        );
        for value in ["1", "null", r#""yes""#] {
            let sentence = "`discard_newest` must be a boolean.";
            assert_eq!(parse(&format!(r#"{{"discard_newest":{value}}}"#)).unwrap_err(), sentence);
        }
    }
}
