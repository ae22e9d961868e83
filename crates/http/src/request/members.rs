//! The members of a JSON object, before it is known what they mean.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
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

    /// The member `name`.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// The member `name`, a string where it is there.
    ///
    /// # Errors
    /// 400 where it is something else.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(rule(name, "must be a string")),
        }
    }

    /// The member `name`, a string.
    ///
    /// # Errors
    /// 400 where it is missing or something else.
    pub(crate) fn required_text(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name)?.ok_or_else(|| rule(name, "is required"))
    }

    /// The member `name`, a whole number up to `largest`, where it is there. JSON knows no integers:
    /// `3.0` is one too (JSON Schema, validation, section 6.1.1).
    ///
    /// # Errors
    /// 400 where it is something else.
    pub(crate) fn whole_number(&self, name: &str, largest: u32) -> Result<Option<u32>, ApiError> {
        let number = |value: &Value| {
            let number = value.as_f64().filter(|number| number.fract() == 0.0);
            let number = number.filter(|number| (0.0..=f64::from(largest)).contains(number));
            // Every whole number up to there has exactly one `f64`, which Rust writes without a fraction.
            let number = number.and_then(|number| format!("{:.0}", number.abs()).parse().ok());
            number.ok_or_else(|| rule(name, &format!("must be a whole number from 0 to {largest}")))
        };
        self.get(name).map(number).transpose()
    }

    /// The member `name`, an array of strings where it is there.
    ///
    /// # Errors
    /// 400 where it is something else.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let items = value.as_array().ok_or_else(|| rule(name, "must be an array of strings"))?;
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            texts.push(item.as_str().ok_or_else(|| rule(&format!("{name}[{index}]"), "must be a string"))?);
        }
        Ok(Some(texts))
    }
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
pub(crate) fn rule(field: &str, rule: &str) -> ApiError {
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
