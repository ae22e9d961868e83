//! The body that changes a key.

use capykeys_domain::{
    model::{DeviceName, KeyEdit, KeyName, ScopeCatalogue, Timestamp},
    secret::KeyFormat,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::members::{Members, present};
use crate::{answer::ScopeName, error::ApiError};

/// What is to be changed of an API key; what is not given stays, and `null` takes away. Members that are not listed here are
/// ignored.
#[derive(Deserialize, ToSchema)]
#[schema(as = UpdateApiKeyRequest, example = json!({ "name": "CI", "expires_at": "2027-01-31T12:00:00Z" }))]
#[expect(clippy::option_option, reason = "what is absent stays, and what is null is taken away")]
pub(crate) struct UpdateApiKeyRequest {
    /// What a person calls the key, by the rules of a new one.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    name: Option<String>,
    /// What the key may be used for: none twice; the order is kept.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<ScopeName>>, nullable = false, min_items = 1)]
    scopes: Option<Vec<String>>,
    /// When the key stops to work: an RFC 3339 time in the future, within ten years. Without one it lives without end.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, nullable = false, format = DateTime)]
    expires_at: Option<Option<String>>,
    /// The device that the key is on, by the rules of a new one.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, nullable = false, min_length = 1, max_length = 200)]
    device_name: Option<Option<String>>,
}

/// What the body asks to be changed.
///
/// # Errors
/// 400 with a sentence that names the member and the rule.
pub(crate) fn key_edit(
    body: &[u8],
    format: &KeyFormat,
    catalogue: &ScopeCatalogue,
    now: Timestamp,
) -> Result<KeyEdit, ApiError> {
    let asked: UpdateApiKeyRequest = Members::parse(body)?.read()?;
    let device_name = asked.device_name.as_ref();
    format.must_not_occur_in("name", asked.name.as_deref())?;
    format.must_not_occur_in("device_name", device_name.and_then(Option::as_deref))?;
    let scopes = asked.scopes.map(|scopes| catalogue.parse(scopes.iter().map(String::as_str)));
    let end = |text: String| Timestamp::parse("expires_at", &text);
    let edit = KeyEdit {
        name: asked.name.map(|text| KeyName::parse(&text)).transpose()?,
        scopes: scopes.transpose()?,
        expires_at: asked.expires_at.map(|given| given.map(end).transpose()).transpose()?,
        device_name: device_name
            .map(|given| given.as_deref().map(DeviceName::parse).transpose())
            .transpose()?,
    };
    edit.check_end(now)?;
    Ok(edit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(body: &str) -> Result<KeyEdit, String> {
        let now = Timestamp::parse("t", "2026-01-01T00:00:00Z").unwrap();
        key_edit(body.as_bytes(), &KeyFormat::default(), &ScopeCatalogue::default(), now)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_absent_stays_and_what_is_null_is_taken_away() {
        assert_eq!(parse(r#"{"source":"operator","new":null}"#), Ok(KeyEdit::default()));
        let taken = parse(r#"{"expires_at":null,"device_name":null}"#).unwrap();
        assert_eq!((taken.expires_at, taken.device_name), (Some(None), Some(None)));
        let edit = parse(
            r#"{"name":" CI ","scopes":["jobs:read","backups:read"],"device_name":"laptop",
                "expires_at":"2026-06-01T02:00:00+02:00"}"#,
        )
        .unwrap();
        assert_eq!(edit.name.unwrap().as_str(), " CI ");
        assert_eq!(edit.scopes.unwrap().to_string(), "jobs:read backups:read");
        assert_eq!(edit.expires_at.unwrap().unwrap().to_string(), "2026-06-01T00:00:00Z");
        assert_eq!(edit.device_name.unwrap().unwrap().as_str(), "laptop");
    }

    #[test]
    fn a_broken_rule_is_named_without_the_value() {
        let key = "capy_live_000000000000000000000000000000003UFVO5";
        for (field, value) in [
            ("name", "null".to_owned()),
            ("name", r#""""#.to_owned()),
            ("name", format!("\"{key}\"")),
            ("scopes", "null".to_owned()),
            ("scopes", "[]".to_owned()),
            ("scopes[0]", format!("[\"{key}\"]")),
            ("expires_at", "1".to_owned()),
            ("expires_at", r#""2025-12-31T23:59:59Z""#.to_owned()),
            ("expires_at", r#""2037-01-01T00:00:00Z""#.to_owned()),
            ("device_name", r#""\u0000""#.to_owned()),
            ("device_name", format!("\"{key}\"")),
        ] {
            let member = field.trim_end_matches("[0]");
            let sentence = parse(&format!(r#"{{"{member}":{value}}}"#)).unwrap_err();
            assert!(sentence.starts_with(&format!("`{field}` ")), "{value}: {sentence}");
            assert!(!sentence.contains(key), "{sentence}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body: Vec<u8>, text: String) {
            let _ = key_edit(&body, &KeyFormat::default(), &ScopeCatalogue::default(), Timestamp::MAX);
            let given = serde_json::json!({"name": text, "scopes": [text], "expires_at": text, "device_name": text});
            let _ = parse(&given.to_string());
        }
    }
}
