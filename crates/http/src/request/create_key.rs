//! The body that asks for a key.

use capykeys_domain::{
    model::{DeviceName, KeyName, KeySpec, ProjectId, ScopeCatalogue, Timestamp},
    secret::KeyFormat,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::members::{Members, present};
use crate::{answer::ScopeName, error::ApiError};

/// An API key to be created. Members that are not listed here are ignored.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateApiKeyRequest, example = json!({
    "name": "CI", "scopes": ["projects:read", "jobs:read"], "expires_at": "2027-01-31T12:00:00Z"
}))]
pub(crate) struct CreateApiKeyRequest {
    /// What a person calls the key; kept byte for byte. No control characters, and not white space and
    /// invisible characters alone.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// What the key may be used for: none twice; the order is kept.
    #[schema(value_type = Vec<ScopeName>, min_items = 1)]
    scopes: Vec<String>,
    /// Restricts the key to one project. The id belongs to another service and is not checked.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    project_id: Option<String>,
    /// When the key stops to work: an RFC 3339 time in the future, within ten years. Where it is
    /// left out, and the key is created with an API key that expires, it gets that one's expiry, which
    /// the answer's `expires_at` shows; else it lives without end. It comes back in UTC, cut to
    /// microseconds.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, format = DateTime)]
    expires_at: Option<String>,
    /// The device that the key is made on. No control characters, and not white space and invisible
    /// characters alone.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    device_name: Option<String>,
}

/// The key that the body asks for.
///
/// # Errors
/// 400 with a sentence that names the member and the rule.
pub(crate) fn key_spec(
    body: &[u8],
    format: &KeyFormat,
    catalogue: &ScopeCatalogue,
    now: Timestamp,
) -> Result<KeySpec, ApiError> {
    let asked: CreateApiKeyRequest = Members::parse(body)?.read()?;
    format.must_not_occur_in("name", Some(&asked.name))?;
    format.must_not_occur_in("device_name", asked.device_name.as_deref())?;
    format.must_not_occur_in("project_id", asked.project_id.as_deref())?;
    let name = KeyName::parse(&asked.name)?;
    let mut spec = KeySpec::new(name, catalogue.parse(asked.scopes.iter().map(String::as_str))?);
    if let Some(project_id) = &asked.project_id {
        spec = spec.for_project(ProjectId::parse(project_id)?, catalogue)?;
    }
    if let Some(expires_at) = &asked.expires_at {
        spec = spec.expiring_at(Timestamp::parse("expires_at", expires_at)?, now)?;
    }
    if let Some(device_name) = &asked.device_name {
        spec = spec.on_device(DeviceName::parse(device_name)?);
    }
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(body: &str) -> Result<KeySpec, String> {
        let now = Timestamp::parse("t", "2026-01-01T00:00:00Z").unwrap();
        key_spec(body.as_bytes(), &KeyFormat::default(), &ScopeCatalogue::default(), now)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn everything_that_can_be_asked_for_is_read() {
        let spec = parse(
            r#"{"name":" CI ","scopes":["jobs:read","backups:read"],"project_id":"p_1",
                "expires_at":"2026-06-01T02:00:00.123456789+02:00","device_name":"laptop"}"#,
        )
        .unwrap();
        assert_eq!(spec.name().as_str(), " CI ");
        assert_eq!(spec.scopes().to_string(), "jobs:read backups:read");
        assert_eq!(spec.project_id().unwrap().as_str(), "p_1");
        assert_eq!(spec.expires_at().unwrap().to_string(), "2026-06-01T00:00:00.123456Z");
        assert_eq!(spec.device_name().unwrap().as_str(), "laptop");
    }

    #[test]
    fn members_of_newer_clients_and_what_the_server_sets_are_ignored() {
        assert!(parse(r#"{"name":"a","scopes":["*"],"source":"operator","new":{"a":[null]}}"#).is_ok());
    }

    #[test]
    fn a_key_is_not_kept_as_a_name_or_project() {
        let key = "capy_live_000000000000000000000000000000003UFVO5";
        for (field, text) in [("name", "my "), ("device_name", "my "), ("project_id", "my-")] {
            let mut body = serde_json::json!({"name": "a", "scopes": ["jobs:read"]});
            body[field] = format!("{text}{key}").into();
            assert_eq!(
                parse(&body.to_string()).unwrap_err(),
                format!("`{field}` must not contain an API key.")
            );
        }
    }

    #[test]
    fn a_missing_member_is_named() {
        assert_eq!(parse(r#"{"scopes":["*"]}"#).unwrap_err(), "`name` is required.");
        assert_eq!(parse(r#"{"name":"a"}"#).unwrap_err(), "`scopes` is required.");
    }

    #[test]
    fn a_wrong_type_is_named_whatever_the_member() {
        for wrong in ["null", "1", "true", "{}", "[\"x\"]"] {
            for name in ["project_id", "expires_at", "device_name"] {
                let body = format!(r#"{{"name":"a","scopes":["jobs:read"],"{name}":{wrong}}}"#);
                assert_eq!(parse(&body).unwrap_err(), format!("`{name}` must be a string."), "{wrong}");
            }
            let body = format!(r#"{{"name":{wrong},"scopes":["*"]}}"#);
            assert_eq!(parse(&body).unwrap_err(), "`name` must be a string.");
            let body = format!(r#"{{"name":"a","scopes":["*",{wrong}]}}"#);
            assert_eq!(parse(&body).unwrap_err(), "`scopes[1]` must be a string.");
        }
        for wrong in ["null", "\"*\"", "{}"] {
            let body = format!(r#"{{"name":"a","scopes":{wrong}}}"#);
            assert_eq!(parse(&body).unwrap_err(), "`scopes` must be an array of strings.");
        }
    }

    #[test]
    fn a_broken_rule_is_named_without_the_value() {
        let secret = "capy_live_secret";
        for (field, body) in [
            ("name", format!(r#"{{"name":"{secret}\u0000","scopes":["*"]}}"#)),
            ("scopes[0]", format!(r#"{{"name":"a","scopes":["{secret}"]}}"#)),
            ("scopes", r#"{"name":"a","scopes":[]}"#.to_owned()),
            ("scopes", r#"{"name":"a","scopes":["*"],"project_id":"p"}"#.to_owned()),
            ("project_id", format!(r#"{{"name":"a","scopes":["jobs:read"],"project_id":"{secret}!"}}"#)),
            ("expires_at", format!(r#"{{"name":"a","scopes":["*"],"expires_at":"{secret}"}}"#)),
            ("expires_at", r#"{"name":"a","scopes":["*"],"expires_at":"2025-01-01T00:00:00Z"}"#.to_owned()),
            ("device_name", r#"{"name":"a","scopes":["*"],"device_name":""}"#.to_owned()),
        ] {
            let sentence = parse(&body).unwrap_err();
            assert!(sentence.starts_with(&format!("`{field}` ")), "{sentence}");
            assert!(!sentence.contains(secret), "{sentence}");
        }
    }

    proptest! {
        #[test]
        fn of_a_wrong_type_nothing_is_repeated(text: String) {
            for text in [text.clone(), format!("{text}, expected {text}"), format!("missing field `{text}`")] {
                let body = serde_json::json!({"name": "a", "scopes": text}).to_string();
                prop_assert_eq!(parse(&body).unwrap_err(), "`scopes` must be an array of strings.");
            }
        }

        #[test]
        fn no_body_makes_it_panic(body: Vec<u8>, text: String) {
            let now = Timestamp::MAX;
            let (format, catalogue) = (KeyFormat::default(), ScopeCatalogue::default());
            let _ = key_spec(&body, &format, &catalogue, now);
            let _ = key_spec(serde_json::json!({"name": text, "scopes": [text], "expires_at": text}).to_string().as_bytes(), &format, &catalogue, now);
        }
    }
}
