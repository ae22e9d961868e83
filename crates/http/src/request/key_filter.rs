//! Which keys of a listing are asked for.

use capykeys_domain::model::{KeyFilter, ProjectId, Timestamp};

use super::parameters::Parameters;
use crate::error::ApiError;

/// The names of the parameters that choose among the keys.
pub(crate) const FILTERS: [&str; 8] =
    ["status", "project_id", "source", "scope", "created_by", "expires_before", "unused_since", "name"];

/// What the parameters ask for; keys are in a state as of `now`.
///
/// # Errors
/// 400 that names the parameter.
pub(crate) fn read(parameters: &Parameters, now: Timestamp) -> Result<KeyFilter, ApiError> {
    Ok(KeyFilter {
        state: parameters.one("status", KeyFilter::parse_status)?.map(|state| (state, now)),
        project_id: parameters.one("project_id", ProjectId::parse)?,
        source: parameters.one("source", KeyFilter::parse_source)?,
        scope: parameters.one("scope", KeyFilter::parse_scope)?,
        created_by: parameters.one("created_by", KeyFilter::parse_created_by)?,
        expires_before: parameters.one("expires_before", KeyFilter::parse_expires_before)?,
        unused_since: parameters.one("unused_since", KeyFilter::parse_unused_since)?,
        name: parameters.one("name", KeyFilter::parse_name)?,
        ..KeyFilter::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<KeyFilter, ApiError> {
        read(&Parameters::parse(query)?, Timestamp::MIN)
    }

    #[test]
    fn every_filter_is_read_and_none_without_a_value() {
        let values =
            ["revoked", "p1", "cli", "*", "user_1", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "CI"];
        for (name, value) in FILTERS.into_iter().zip(values) {
            assert_ne!(parse(&format!("{name}={value}")).unwrap(), KeyFilter::default(), "{name}");
            assert_eq!(parse(&format!("{name}=")).unwrap(), KeyFilter::default(), "{name}");
        }
        let written = parse("expires_before=2026-01-01T02%3A00%3A00%2B02:00&name=a+b%26").unwrap();
        assert_eq!(written.expires_before, Timestamp::parse("", "2026-01-01T00:00:00Z").ok());
        assert_eq!(written.name.unwrap().as_str(), "a b&");
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused_by_name_and_not_repeated() {
        for (name, values) in [
            ("status", &["hush", "ACTIVE", " active", "active,revoked"][..]),
            ("project_id", &["a b", "hush!"]),
            ("source", &["hush", "Api"]),
            ("scope", &["Hush", "jobs:*", "a b"]),
            ("created_by", &["hush", "user_", "org_1"]),
            (
                "expires_before",
                &["hush", "0", "2026-01-01", "2026-01-01T02:00:00+02:00", "2026-02-30T00:00:00Z"],
            ),
            ("unused_since", &["hush", "90d"]),
            ("name", &["hush%00", "%0A", "hush%E9", "%EF%BF%BD%FF"]),
        ] {
            for value in values {
                let sentence = parse(&format!("{name}={value}")).unwrap_err().to_string();
                assert!(sentence.starts_with(&format!("`{name}` must ")), "{sentence}");
                assert!(!sentence.contains("hush") && sentence.ends_with('.'), "{sentence}");
            }
            let twice = parse(&format!("{name}=&{name}=")).unwrap_err().to_string();
            assert_eq!(twice, format!("`{name}` must be given only once."));
        }
        // It was written so, or stands beside a parameter that nobody reads.
        assert!(parse("name=%EF%BF%BD").is_ok() && parse("name=x&other=%FF").is_ok());
        assert!(parse(&format!("name={}", "é".repeat(200))).is_ok());
        assert!(parse(&format!("name={}", "é".repeat(201))).is_err());
    }
}
