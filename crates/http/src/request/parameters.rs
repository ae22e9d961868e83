//! The parameters of a query.

use actix_web::web::Query;
use capykeys_domain::model::Invalid;
use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// Names and values, decoded.
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    /// Whether all bytes were text. Where not, the decoder has put U+FFFD in their place.
    is_text: bool,
}

impl Parameters {
    /// From a query string.
    ///
    /// # Errors
    /// 400 where it is none.
    pub(crate) fn parse(query: &str) -> Result<Self, ApiError> {
        let Query(pairs) =
            Query::from_query(query).map_err(|_| ApiError::invalid("The query is malformed."))?;
        Ok(Self { pairs, is_text: percent_decode_str(query).decode_utf8().is_ok() })
    }

    /// What the parameter says. Generated clients send `limit=&cursor=` for what was not set: without a value one
    /// counts as left out.
    ///
    /// # Errors
    /// 400 where it is given twice, `read` refuses it, or it is no text.
    pub(crate) fn one<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Result<Option<T>, ApiError> {
        let mut values =
            self.pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(Invalid::new(name, "must be given only once").into());
        }
        let value = first.filter(|value| !value.is_empty());
        let read = value.map(read).transpose()?;
        if !self.is_text && value.is_some_and(|value| value.contains(char::REPLACEMENT_CHARACTER)) {
            return Err(Invalid::new(name, "must be UTF-8").into());
        }
        Ok(read)
    }

    /// Those of these names that have a value, encoded again.
    pub(crate) fn of(&self, names: &[&str]) -> String {
        let kept =
            self.pairs.iter().filter(|(name, value)| names.contains(&name.as_str()) && !value.is_empty());
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
    }
}
