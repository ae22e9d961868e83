//! The parameters of a query.

use actix_web::web::Query;
use capykeys_domain::model::Invalid;

use crate::error::ApiError;

/// Names and values, decoded.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// From a query string.
    ///
    /// # Errors
    /// 400 where it is none.
    pub(crate) fn parse(query: &str) -> Result<Self, ApiError> {
        let Query(pairs) =
            Query::from_query(query).map_err(|_| ApiError::invalid("The query is malformed."))?;
        Ok(Self(pairs))
    }

    /// What the parameter says. Generated clients send `limit=&cursor=` for what was not set: without a value one
    /// counts as left out.
    ///
    /// # Errors
    /// 400 where it is given twice, or `read` refuses it.
    pub(crate) fn one<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Result<Option<T>, ApiError> {
        let mut values = self.0.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(Invalid::new(name, "must be given only once").into());
        }
        Ok(first.filter(|value| !value.is_empty()).map(read).transpose()?)
    }

    /// Those of these names that have a value, encoded again.
    pub(crate) fn of(&self, names: &[&str]) -> String {
        let kept = self.0.iter().filter(|(name, value)| names.contains(&name.as_str()) && !value.is_empty());
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
    }
}
