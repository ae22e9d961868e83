//! JSON objects whose members are unique.

use std::fmt;

use capykeys_domain::model::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// Longer names do not occur, and would have to be stored.
const MAX_SHORT_BYTES: usize = 200;

/// An object in which no member occurs twice, at any depth.
///
/// RFC 7519, section 4: where a claim occurs twice, parsers disagree on which one counts. What
/// another reader might understand differently is refused here.
pub struct Object(Map<String, Value>);

impl Object {
    /// `None` where the text is no object, or has a duplicate member anywhere.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        match serde_json::from_slice::<Unique>(text) {
            Ok(Unique(Value::Object(members))) => Some(Self(members)),
            _ => None,
        }
    }

    /// The member of this name. A `null` is a member like any other.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The member of this name where it is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The member of this name where it is a whole number of seconds since the epoch that a
    /// calendar has. RFC 7519 would allow fractions; the issuers that are known here write none.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        let micros = self.get(name)?.as_u64()?.checked_mul(1_000_000)?;
        Timestamp::from_unix_micros(i64::try_from(micros).ok()?)
    }
}

/// Whether the text of a claim can be stored and shown: at most 200 bytes, without control characters.
#[must_use]
pub fn is_short_text(text: &str) -> bool {
    (1..=MAX_SHORT_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Unique(value))) = members.next_entry::<String, Unique>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate member"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_read_as_they_stand() {
        let text = r#"{"a":[1,-1,1.5,"x",null,true,{"b":{}}],"c":null}"#;
        let object = Object::parse(text.as_bytes()).unwrap();
        assert_eq!(Value::Object(object.0), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn duplicate_members_are_refused_at_any_depth_and_in_any_spelling() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"o":{"rol":"member","rol":"admin"}}"#,
            r#"{"x":[{"y":[{"a":1,"a":2}]}]}"#,
        ] {
            assert!(Object::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "null", "[]", "1", "\"{}\"", "{} {}", "{", "{\"a\":1,}", "{\"a\":1e999}"] {
            assert!(Object::parse(text.as_bytes()).is_none(), "{text}");
        }
        assert!(Object::parse(b"{\"a\":\"\xff\"}").is_none());
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(Object::parse(deep.as_bytes()).is_none());
    }
}
