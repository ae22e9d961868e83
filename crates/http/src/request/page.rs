//! Which part of a listing is asked for.

use actix_web::web::Query;
use capykeys_domain::{model::KeyId, ports::Limit};

use crate::error::ApiError;

const LIMIT_RULE: &str = "`limit` must be a whole number from 1 to 1000.";
const CURSOR_RULE: &str = "`cursor` must be the id of an API key.";

/// Which part of a listing is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// How many keys; all where it is not said.
    pub(crate) limit: Option<Limit>,
    /// The last key of the page before.
    pub(crate) cursor: Option<KeyId>,
}

impl Page {
    /// From a query string. Other parameters are ignored; without a value one counts as left out.
    ///
    /// # Errors
    /// 400 that names the parameter.
    pub(crate) fn parse(query: &str) -> Result<Self, ApiError> {
        let pairs = Query::<Vec<(String, String)>>::from_query(query)
            .map_err(|_| ApiError::invalid("The query is malformed."))?;
        let limit = only(&pairs, "limit", "`limit` must be given only once.")?;
        let cursor = only(&pairs, "cursor", "`cursor` must be given only once.")?;
        Ok(Self {
            limit: limit.map(|text| parse_limit(text).ok_or(ApiError::invalid(LIMIT_RULE))).transpose()?,
            cursor: cursor
                .map(|text| KeyId::parse(text).ok_or(ApiError::invalid(CURSOR_RULE)))
                .transpose()?,
        })
    }
}

fn only<'a>(
    pairs: &'a [(String, String)],
    name: &str,
    repeated: &'static str,
) -> Result<Option<&'a str>, ApiError> {
    let mut values = pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
    let first = values.next();
    if values.next().is_some() {
        return Err(ApiError::invalid(repeated));
    }
    // Generated clients send `limit=&cursor=` for what was not set.
    Ok(first.filter(|value| !value.is_empty()))
}

fn parse_limit(text: &str) -> Option<Limit> {
    // The standard parser accepts a sign as well.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|limit| *limit <= 1_000).and_then(Limit::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_are_optional_and_others_are_ignored() {
        for query in
            ["", "page=2&api_key=x", "&&", "Limit=1", "limit=&cursor=", "limit", "cursor", "cursor=&x=1"]
        {
            assert_eq!(Page::parse(query).unwrap(), Page { limit: None, cursor: None }, "{query}");
        }
        let page = Page::parse("limit=1000&cursor=key_01h455vb4pex5vsknk084sn02q").unwrap();
        assert_eq!(page.limit, Limit::new(1_000));
        assert_eq!(page.cursor, KeyId::parse("key_01h455vb4pex5vsknk084sn02q"));
    }

    #[test]
    fn what_is_no_limit_or_no_cursor_is_refused_by_name() {
        for value in [" ", "0", "1001", "-1", "%2B1", "+1", "1.0", "ten", "99999999999999999999", "1%00"] {
            let error = Page::parse(&format!("limit={value}")).unwrap_err();
            assert_eq!(error.to_string(), LIMIT_RULE, "{value}");
        }
        for value in [" ", "1", "org_01h455vb4pex5vsknk084sn02q", "key_", "%FF"] {
            let error = Page::parse(&format!("cursor={value}")).unwrap_err();
            assert_eq!(error.to_string(), CURSOR_RULE, "{value}");
        }
        for repeated in ["limit=1&limit=1", "limit=1&limit=", "cursor=&cursor="] {
            assert!(Page::parse(repeated).is_err(), "{repeated}");
        }
    }

    proptest! {
        #[test]
        fn no_query_makes_it_panic(query: String) {
            let _ = Page::parse(&query);
        }
    }
}
