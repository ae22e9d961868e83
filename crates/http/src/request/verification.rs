//! The bodies that ask for verdicts on keys.

use std::time::Duration;

use capykeys_domain::{
    model::{ProjectId, ScopeCatalogue},
    policy::Requirement,
    secret::{KeyTexts, PlaintextKey},
};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::members::{Members, deserialize, present, whole_number};
use crate::{answer::ScopeName, error::ApiError};

/// For how many milliseconds a caller may ask to keep a verdict; it is granted far less.
const LONGEST_KEPT_MS: u32 = 3_600_000;

/// How many keys are verified at once.
pub(crate) const MAX_BATCH: usize = 100;

/// A key to be verified, and what it has to be good for. Members that are not listed here are
/// ignored.
#[derive(Deserialize, ToSchema)]
#[schema(as = VerifyApiKeyRequest, example = json!({
    "api_key": "capy_live_4fQz0000000000000000000000000000000000",
    "scopes": ["jobs:read"],
    "project_id": "prj_1",
    "max_age_ms": 300
}))]
pub(crate) struct VerifyApiKeyRequest {
    /// The plaintext of the key, as it was presented. A text that is no key is `not_found`.
    api_key: String,
    /// The scopes that the key must grant, all of them; none where it is left out or empty.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<ScopeName>>, nullable = false)]
    scopes: Option<Vec<String>>,
    /// The project that it is to be used in. Where it is left out, the project is not checked: look at
    /// the key's `project_id`.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    project_id: Option<String>,
    /// For how many milliseconds the caller would keep the verdict without asking again. The answer
    /// grants that or less. A revocation of the key is acknowledged only when that time is over; where
    /// this is left out or 0, the verdict is for the moment alone and delays nobody.
    #[serde(default, deserialize_with = "whole_milliseconds")]
    #[schema(nullable = false, minimum = 0, maximum = 3_600_000, default = 0)]
    max_age_ms: Option<u32>,
}

/// The same, read in place, of a body as nearly all are: with no other members, none of them twice, and no escapes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainRequest<'a> {
    api_key: &'a str,
    #[serde(borrow, default)]
    scopes: Vec<&'a str>,
    #[serde(borrow, default, deserialize_with = "present")]
    project_id: Option<&'a str>,
    #[serde(default, deserialize_with = "whole_milliseconds")]
    max_age_ms: Option<u32>,
}

/// Several keys to be verified.
#[derive(Deserialize, ToSchema)]
pub(crate) struct VerifyApiKeysRequest {
    /// The keys, each with what it has to be good for.
    #[schema(value_type = Vec<VerifyApiKeyRequest>, min_items = 1, max_items = 100)]
    verifications: Vec<Members>,
}

fn whole_milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    whole_number(deserializer, LONGEST_KEPT_MS, &format!("a whole number from 0 to {LONGEST_KEPT_MS}"))
}

/// A key's plaintext, and what it has to be good for.
#[derive(Debug)]
pub(crate) struct KeyCheck {
    /// `None` for a text that can be no key.
    pub(crate) key: Option<PlaintextKey>,
    pub(crate) requirement: Requirement,
    /// For how long the caller would keep the verdict.
    pub(crate) keep: Duration,
}

impl KeyCheck {
    /// # Errors
    /// 400 with a sentence that names the member and the rule.
    pub(crate) fn parse(
        body: &[u8],
        texts: KeyTexts<'_>,
        catalogue: &ScopeCatalogue,
    ) -> Result<Self, ApiError> {
        // An array would be taken for the members in their order.
        let is_object = body.first() == Some(&b'{');
        match serde_json::from_slice::<PlainRequest<'_>>(body) {
            Ok(PlainRequest { api_key, scopes, project_id, max_age_ms }) if is_object => {
                Self::of(api_key, scopes.into_iter(), project_id, max_age_ms, texts, catalogue)
            }
            // What is wrong with it, if anything is, the other reading says.
            _ => Self::read(Members::parse(body)?, texts, catalogue),
        }
    }

    /// Up to [`MAX_BATCH`] of them.
    ///
    /// # Errors
    /// The same, with the member's place.
    pub(crate) fn parse_batch(
        body: &[u8],
        texts: KeyTexts<'_>,
        catalogue: &ScopeCatalogue,
    ) -> Result<Vec<Self>, ApiError> {
        let otherwise = "`verifications` is required, and must be an array of objects.";
        deserialize::<Members>(body, otherwise)?.unique()?;
        let VerifyApiKeysRequest { verifications } = deserialize(body, otherwise)?;
        if !(1..=MAX_BATCH).contains(&verifications.len()) {
            return Err(ApiError::invalid("`verifications` must have 1 to 100 items."));
        }
        let read = |(index, members): (usize, Members)| {
            members
                .unique()
                .and_then(|members| Self::read(members, texts, catalogue))
                .map_err(|error| error.within(format_args!("verifications[{index}]")))
        };
        verifications.into_iter().enumerate().map(read).collect()
    }

    fn read(members: Members, texts: KeyTexts<'_>, catalogue: &ScopeCatalogue) -> Result<Self, ApiError> {
        let VerifyApiKeyRequest { api_key, scopes, project_id, max_age_ms } = members.read()?;
        let scopes = scopes.iter().flatten().map(String::as_str);
        Self::of(&api_key, scopes, project_id.as_deref(), max_age_ms, texts, catalogue)
    }

    fn of<'a>(
        api_key: &str,
        scopes: impl Iterator<Item = &'a str>,
        project_id: Option<&str>,
        max_age_ms: Option<u32>,
        texts: KeyTexts<'_>,
        catalogue: &ScopeCatalogue,
    ) -> Result<Self, ApiError> {
        let mut scopes = scopes.peekable();
        let is_any = scopes.peek().is_some();
        let requirement = Requirement {
            scopes: is_any.then(|| catalogue.parse(scopes)).transpose()?,
            project_id: project_id.map(ProjectId::parse).transpose()?,
        };
        let keep = Duration::from_millis(max_age_ms.unwrap_or(0).into());
        Ok(Self { key: texts.parse(api_key), requirement, keep })
    }
}

#[cfg(test)]
mod tests {
    use capykeys_domain::secret::KeyFormat;
    use proptest::prelude::*;

    use super::*;

    fn parsed(body: &[u8]) -> Result<KeyCheck, ApiError> {
        KeyCheck::parse(body, (&KeyFormat::default()).into(), &ScopeCatalogue::default())
    }

    fn parsed_batch(body: &[u8]) -> Result<Vec<KeyCheck>, ApiError> {
        KeyCheck::parse_batch(body, (&KeyFormat::default()).into(), &ScopeCatalogue::default())
    }

    fn refusal(body: &str) -> String {
        parsed(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_required_may_be_left_out() {
        let parse = |body: &str| parsed(body.as_bytes()).unwrap();
        let question = parse(r#"{"api_key":"x","scopes":[],"newer":{"a":null}}"#);
        assert!(question.key.is_none(), "a text that can be no key");
        assert_eq!(question.keep, Duration::ZERO);
        assert_eq!(question.requirement, Requirement::default());
        let question = parse(r#"{"api_key":"x","scopes":["jobs:read"],"project_id":"p"}"#);
        assert!(question.requirement.scopes.is_some() && question.requirement.project_id.is_some());
        let question = parse(r#"{"api_key":"x","max_age_ms":300}"#);
        assert_eq!(question.keep, Duration::from_millis(300));
        for (written, millis) in [("0", 0), ("3.0", 3), ("-0.0", 0), ("3.6e6", 3_600_000)] {
            let question = parse(&format!(r#"{{"api_key":"x","max_age_ms":{written}}}"#));
            assert_eq!(question.keep, Duration::from_millis(millis), "{written}");
        }
        for wrong in ["-1", "0.5", "3600001", "18446744073709551616", "1e300", "\"3\"", "null", "true"] {
            let told = refusal(&format!(r#"{{"api_key":"x","max_age_ms":{wrong}}}"#));
            assert_eq!(told, "`max_age_ms` must be a whole number from 0 to 3600000.", "{wrong}");
        }
    }

    #[test]
    fn a_key_is_taken_whole_and_not_shown() {
        let key = "capy_live_000000000000000000000000000000003UFVO5";
        let body = format!(r#"{{"api_key":"{key}","name":"hush"}}"#);
        let question = parsed(body.as_bytes()).unwrap();
        assert_eq!(question.key.as_ref().unwrap().expose(), key);
        let shown = format!("{question:?} {:?}", Members::parse(body.as_bytes()).unwrap());
        assert!(!shown.contains(key) && !shown.contains("hush"), "{shown}");
    }

    #[test]
    fn a_broken_rule_is_named_without_the_value() {
        for (body, sentence) in [
            (r"{}", "`api_key` is required."),
            (r#"{"api_key":7}"#, "`api_key` must be a string."),
            (r#"{"api_key":"x","scopes":"*"}"#, "`scopes` must be an array of strings."),
            (r#"{"api_key":"x","scopes":[1]}"#, "`scopes[0]` must be a string."),
            (r#"{"api_key":"x","scopes":["no"]}"#, "`scopes[0]` is not a known scope."),
            (r#"{"api_key":"x","project_id":null}"#, "`project_id` must be a string."),
            (r#"{"api_key":"x","api_key":"y"}"#, "The body must not name a member twice."),
            (r#"["x"]"#, "The body must be a JSON object."),
        ] {
            assert_eq!(refusal(body), sentence, "{body}");
        }
        assert!(!refusal(r#"{"api_key":"x","project_id":"secret!"}"#).contains("secret"));
    }

    #[test]
    fn in_a_batch_the_place_is_named_too() {
        let refusal = |body: &str| parsed_batch(body.as_bytes()).unwrap_err().to_string();
        for (body, sentence) in [
            (r"{}", "`verifications` is required, and must be an array of objects."),
            (r#"{"verifications":[1]}"#, "`verifications` is required, and must be an array of objects."),
            (r#"{"verifications":[]}"#, "`verifications` must have 1 to 100 items."),
            (r#"{"verifications":[{"api_key":"x"},{}]}"#, "`verifications[1].api_key` is required."),
            (
                r#"{"verifications":[{"api_key":"x","scopes":["*","no"]}]}"#,
                "`verifications[0].scopes[1]` is not a known scope.",
            ),
            (
                r#"{"verifications":[{"api_key":"x","api_key":"y"}]}"#,
                "The body must not name a member twice.",
            ),
            (r#"[[{"api_key":"x"}]]"#, "`verifications` is required, and must be an array of objects."),
            (r#"{"verifications":[{"api_key":"x"}],"a":1,"a":2}"#, "The body must not name a member twice."),
        ] {
            assert_eq!(refusal(body), sentence, "{body}");
        }
        let many = vec![r#"{"api_key":"x"}"#; 101].join(",");
        assert_eq!(
            refusal(&format!(r#"{{"verifications":[{many}]}}"#)),
            "`verifications` must have 1 to 100 items."
        );
    }

    const MEMBERS: [&str; 16] = [
        r#""api_key":"capy_live_000000000000000000000000000000003UFVO5""#,
        r#""api_key":"x""#,
        r#""api_key":"\u0078""#,
        r#""api_\u006bey":"x""#,
        r#""api_key":7"#,
        r#""scopes":[]"#,
        r#""scopes":["jobs:read"]"#,
        r#""scopes":["jobs:read","*","jobs:read"]"#,
        r#""scopes":["no"]"#,
        r#""scopes":null"#,
        r#""project_id":"p""#,
        r#""project_id":"!""#,
        r#""project_id":null"#,
        r#""max_age_ms":3e2"#,
        r#""max_age_ms":-1"#,
        r#""newer":[{"a":null}]"#,
    ];

    proptest! {
        #[test]
        fn a_body_means_the_same_whether_it_is_read_in_place_or_not(
            members in proptest::collection::vec(proptest::sample::select(&MEMBERS[..]), 0..4),
        ) {
            let told = |body: &str| {
                let check = parsed(body.as_bytes());
                let key = check.as_ref().ok().and_then(|check| Some(check.key.as_ref()?.expose().to_owned()));
                format!("{key:?} {check:?}")
            };
            let body = format!("{{{}}}", members.join(","));
            // What begins with a space is not.
            prop_assert_eq!(told(&body), told(&format!(" {body}")));
        }

        #[test]
        fn no_body_makes_it_panic(body: Vec<u8>) {
            let _ = (parsed(&body), parsed_batch(&body));
        }
    }
}
