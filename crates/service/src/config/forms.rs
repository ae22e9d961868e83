//! How values are written in settings.

use serde::{Deserialize, Deserializer, de::IntoDeserializer};

use super::Period;

/// A list, or a text with commas, as an environment variable has it.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        List(Vec<String>),
        Text(String),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::List(list) => list,
        Either::Text(text) => {
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        }
    })
}

/// The same of periods.
pub(super) fn periods<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Period>, D::Error> {
    list(deserializer)?.into_iter().map(|text| Period::deserialize(text.into_deserializer())).collect()
}
