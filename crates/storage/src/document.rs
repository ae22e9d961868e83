//! A record as one value of a key-value store.

use capykeys_domain::model::Timestamp;
use serde_json::{Map, Value as Json};

use crate::{Corrupt, Field, Kind, Record, Row, Value};

/// A record as JSON, by the names of its columns. What has no value has no name in it.
///
/// Two versions of the program share a store during an upgrade: to change a record, read its document, put
/// the record into that and store it again, so that what only the newer one knows stays in it.
#[derive(Clone, Default)]
pub struct Document(Map<String, Json>);

impl Document {
    /// Of this record.
    #[must_use]
    pub fn of(record: &impl Record) -> Self {
        Self::default().with(record)
    }

    /// With this record too, in the place of the one of its type that is there.
    #[must_use]
    pub fn with<R: Record>(mut self, record: &R) -> Self {
        for ((name, _), value) in R::columns().into_iter().zip(record.values()) {
            self.put(name, value);
        }
        self
    }

    /// With this value too, in the place of the one of its name.
    #[must_use]
    pub fn and(mut self, name: &str, value: &impl Field) -> Self {
        self.put(name, value.value());
        self
    }

    fn put(&mut self, name: &str, value: Value<'_>) {
        match json(value) {
            Json::Null => self.0.remove(name),
            json => self.0.insert(name.to_owned(), json),
        };
    }

    /// As text.
    #[must_use]
    pub fn to_text(&self) -> String {
        Json::Object(self.0.clone()).to_string()
    }

    /// As it is stored.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_text().into_bytes()
    }

    /// From what was stored.
    ///
    /// # Errors
    /// [`Corrupt`] where that is no document.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Corrupt> {
        serde_json::from_slice(bytes).map(Self).map_err(|_| Corrupt("document"))
    }
}

impl Row for Document {
    fn value(&self, column: &str, kind: Kind) -> Option<Value<'_>> {
        self.0.get(column).map_or(Some(Value::Null), |json| read(json, kind))
    }
}

fn json(value: Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Id(id) => id.to_string().into(),
        Value::Text(text) => text.into(),
        Value::Time(time) => time.unix_micros().into(),
        Value::Bytes(bytes) => hex::encode(bytes).into(),
        Value::Number(number) => number.into(),
        Value::Flag(flag) => flag.into(),
        Value::Address(address) => address.to_string().into(),
        Value::Json(text) => serde_json::from_str(&text).unwrap_or_default(),
        Value::Many(values) => values.into_iter().map(json).collect(),
    }
}

fn read(json: &Json, kind: Kind) -> Option<Value<'_>> {
    Some(match kind {
        _ if json.is_null() => Value::Null,
        Kind::Id => Value::Id(json.as_str()?.parse().ok()?),
        Kind::Text => Value::Text(json.as_str()?.into()),
        Kind::Time => Value::Time(Timestamp::from_unix_micros(json.as_i64()?)?),
        Kind::Bytes => Value::Bytes(hex::decode(json.as_str()?).ok()?.into()),
        Kind::Number => Value::Number(json.as_i64()?),
        Kind::Flag => Value::Flag(json.as_bool()?),
        Kind::Address => Value::Address(json.as_str()?.parse().ok()?),
        Kind::Json => Value::Json(json.to_string().into()),
        Kind::Many(one) => {
            Value::Many(json.as_array()?.iter().map(|json| read(json, *one)).collect::<Option<_>>()?)
        }
    })
}
