//! The members of a JSON object, before it is known what they mean.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, MapAccess, Unexpected, Visitor, value::MapDeserializer},
};
use serde_json::{Value, error::Category};

use crate::error::ApiError;

/// The members of a JSON object, each with another name.
pub(crate) struct Members(Vec<(String, Value)>);

/// Without anything that was sent: a key may be in it.
impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Members(…)")
    }
}

impl Members {
    /// Parses a body.
    ///
    /// # Errors
    /// 400 where it is no JSON, nested too deeply, no object, or has a name twice.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let members: Self = deserialize(body, "The body must be a JSON object.")?;
        members.unique()
    }

    /// Itself, where no name is given twice.
    ///
    /// # Errors
    /// 400 where one is.
    pub(crate) fn unique(mut self) -> Result<Self, ApiError> {
        self.0.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        if self.0.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(ApiError::invalid("The body must not name a member twice."));
        }
        Ok(self)
    }

    /// Whether they have no other names than these.
    pub(crate) fn are_among(&self, names: &[&str]) -> bool {
        self.0.iter().all(|(name, _)| names.contains(&name.as_str()))
    }

    /// What the members mean.
    ///
    /// # Errors
    /// 400 that names a member which is missing or has another type.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, ApiError> {
        let members = MapDeserializer::new(self.0.into_iter());
        serde_path_to_error::deserialize(members).map_err(|error| refusal(&error))
    }
}

/// Says which member is wrong, and what it must be. The client's value, which the error repeats as well,
/// stands before that and is left out: a key may be in it.
fn refusal(error: &serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let told = error.inner().to_string();
    let place = error.path().to_string();
    match (told.rsplit_once(", expected "), told.strip_prefix("missing field `")) {
        (Some((_, "a sequence")), _) => rule(&place, "must be an array of strings"),
        (Some((_, expected)), _) => rule(&place, &format!("must be {expected}")),
        (None, Some(name)) => rule(name.trim_end_matches('`'), "is required"),
        (None, None) => ApiError::Internal,
    }
}

/// Reads an optional member: to leave it out is not the same as `null`.
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Reads a whole number up to `most`. JSON knows no integers: `3.0` is one too (JSON Schema, validation, section 6.1.1).
pub(crate) fn whole_number<'de, D: Deserializer<'de>>(
    deserializer: D,
    most: u32,
    expected: &str,
) -> Result<Option<u32>, D::Error> {
    let number = Value::deserialize(deserializer)?.as_f64().filter(|number| number.fract() == 0.0);
    let number = number.filter(|number| (0.0..=f64::from(most)).contains(number));
    // Every whole number up to there has exactly one `f64`, which Rust writes without a fraction.
    let number = number.and_then(|number| format!("{:.0}", number.abs()).parse().ok());
    number.ok_or_else(|| D::Error::invalid_value(Unexpected::Other("another value"), &expected)).map(Some)
}

/// Parses a body whose type, where it is another one, breaks the rule that `otherwise` says.
///
/// # Errors
/// 400 where it is no JSON, nested too deeply, or of another type.
pub(crate) fn deserialize<'a, T: Deserialize<'a>>(
    body: &'a [u8],
    otherwise: &'static str,
) -> Result<T, ApiError> {
    // RFC 8259, section 8.1: a parser may ignore a byte order mark, which some clients send.
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    if body.is_empty() {
        return Err(ApiError::invalid("A JSON body is required."));
    }
    serde_json::from_slice(body).map_err(|error| {
        ApiError::invalid(match error.classify() {
            Category::Data => otherwise,
            _ => "The body is not valid JSON.",
        })
    })
}

/// 400: the member breaks the rule.
fn rule(field: &str, rule: &str) -> ApiError {
    ApiError::Invalid(Cow::Owned(format!("`{field}` {rule}.")))
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(body: &[u8]) -> String {
        Members::parse(body).unwrap_err().to_string()
    }

    #[test]
    fn only_an_object_is_accepted() {
        for body in ["[]", "null", "1", "\"capy_live_secret\"", "true"] {
            assert_eq!(refusal(body.as_bytes()), "The body must be a JSON object.", "{body}");
        }
        for empty in [&b""[..], b"\xef\xbb\xbf"] {
            assert_eq!(refusal(empty), "A JSON body is required.");
        }
        for object in [&b" {} \n"[..], b"\xef\xbb\xbf{}"] {
            assert!(Members::parse(object).is_ok(), "{object:?}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for body in [
            &b"{"[..],
            b"{}{}",
            b"{'a':1}",
            b"{\"a\":\"\xff\"}",
            b"\0",
            b"{\"a\":\"\0\"}",
            b"nul",
            b"\xef\xbb\xbf\xef\xbb\xbf{}",
            b"\xfe\xff\0{\0}",
        ] {
            assert_eq!(refusal(body), "The body is not valid JSON.", "{body:?}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_wherever_it_stands() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{}1{}", open.repeat(5_000), close.repeat(5_000));
            assert_eq!(refusal(format!("{{\"unknown\":{deep}}}").as_bytes()), "The body is not valid JSON.");
        }
    }

    #[test]
    fn a_name_given_twice_is_refused_also_when_spelt_differently() {
        assert_eq!(refusal(br#"{"a":1,"b":2,"\u0061":1}"#), "The body must not name a member twice.");
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body: Vec<u8>) {
            let _ = Members::parse(&body);
        }

        #[test]
        fn a_refusal_never_repeats_the_body(word in "[a-z]{12,20}") {
            for body in [format!("\"{word}\""), format!("{{\"{word}\":{word}}}"), word.clone()] {
                prop_assert!(!refusal(body.as_bytes()).contains(&word));
            }
        }
    }
}
