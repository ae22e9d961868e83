//! Which part of a listing is asked for.

use capykeys_domain::{
    model::{Invalid, KeyFilter, KeyId, Timestamp},
    ports::Limit,
    secret::KeyFormat,
};

use super::{
    key_filter::{self, FILTERS},
    parameters::Parameters,
};
use crate::error::ApiError;

/// Which part of a listing is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// How many keys; all where it is not said.
    pub(crate) limit: Option<Limit>,
    /// The last key of the page before.
    pub(crate) cursor: Option<KeyId>,
    /// What they are like.
    pub(crate) filter: KeyFilter,
    /// The same as a query.
    filters: String,
}

impl Page {
    /// From a query string. Other parameters are ignored; without a value one counts as left out.
    ///
    /// # Errors
    /// 400 that names the parameter, or says that a filter holds a key: databases log what they are asked for.
    pub(crate) fn parse(query: &str, format: &KeyFormat, now: Timestamp) -> Result<Self, ApiError> {
        let parameters = Parameters::parse(query)?;
        let filters = parameters.of(&FILTERS);
        if format.occurs_in(&filters) {
            return Err(ApiError::invalid("A filter must not contain an API key."));
        }
        Ok(Self {
            limit: parameters.one("limit", parse_limit)?,
            cursor: parameters.one("cursor", parse_cursor)?,
            filter: key_filter::read(&parameters, now)?,
            filters,
        })
    }

    /// The query for the page of as many keys that `cursor` is the last one before.
    pub(crate) fn next(&self, limit: Limit, cursor: KeyId) -> String {
        let separator = if self.filters.is_empty() { "" } else { "&" };
        format!("?limit={limit}&cursor={cursor}{separator}{}", self.filters)
    }
}

fn parse_limit(text: &str) -> Result<Limit, Invalid> {
    // The standard parser accepts a sign as well.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten().filter(|limit| *limit <= 1_000);
    number.and_then(Limit::new).ok_or_else(|| Invalid::new("limit", "must be a whole number from 1 to 1000"))
}

fn parse_cursor(text: &str) -> Result<KeyId, Invalid> {
    KeyId::parse(text).ok_or_else(|| Invalid::new("cursor", "must be the id of an API key"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT_RULE: &str = "`limit` must be a whole number from 1 to 1000.";
    const CURSOR_RULE: &str = "`cursor` must be the id of an API key.";

    fn parse(query: &str) -> Result<Page, ApiError> {
        Page::parse(query, &KeyFormat::default(), Timestamp::MIN)
    }

    #[test]
    fn a_secret_is_no_filter() {
        let key = "capy_live_000000000000000000000000000000003UFVO5";
        for query in [format!("name={key}"), format!("project_id=x{key}"), format!("limit=1&name=%20{key}")] {
            assert_eq!(parse(&query).unwrap_err().to_string(), "A filter must not contain an API key.");
        }
    }

    #[test]
    fn both_are_optional_and_others_are_ignored() {
        for query in
            ["", "page=2&api_key=x", "&&", "Limit=1", "limit=&cursor=", "limit", "cursor", "cursor=&x=1"]
        {
            let page = parse(query).unwrap();
            assert_eq!((page.limit, page.cursor, page.filter), (None, None, KeyFilter::default()), "{query}");
        }
        let page = parse("limit=1000&cursor=key_01h455vb4pex5vsknk084sn02q").unwrap();
        assert_eq!(page.limit, Limit::new(1_000));
        assert_eq!(page.cursor, KeyId::parse("key_01h455vb4pex5vsknk084sn02q"));
    }

    #[test]
    fn what_is_no_limit_or_no_cursor_is_refused_by_name() {
        for value in [" ", "0", "1001", "-1", "%2B1", "+1", "1.0", "ten", "99999999999999999999", "1%00"] {
            let error = parse(&format!("limit={value}")).unwrap_err();
            assert_eq!(error.to_string(), LIMIT_RULE, "{value}");
        }
        for value in [" ", "1", "org_01h455vb4pex5vsknk084sn02q", "key_", "%FF"] {
            let error = parse(&format!("cursor={value}")).unwrap_err();
            assert_eq!(error.to_string(), CURSOR_RULE, "{value}");
        }
        for repeated in ["limit=1&limit=1", "limit=1&limit=", "cursor=&cursor="] {
            assert!(parse(repeated).is_err(), "{repeated}");
        }
    }

    #[test]
    fn the_next_page_is_asked_for_with_the_same_filters_alone() {
        let key = KeyId::parse("key_01h455vb4pex5vsknk084sn02q").unwrap();
        let next = |query| parse(query).unwrap().next(Limit::of::<2>(), key);
        let page = format!("?limit=2&cursor={key}");
        assert_eq!(next("limit=1&cursor=&other=x&status="), page);
        assert_eq!(
            next("name=%22%3E%26+%C3%A9&x=1&status=active"),
            format!("{page}&name=%22%3E%26+%C3%A9&status=active")
        );
    }

    proptest! {
        /// The next page has the same filters, however they are written, and they end no header before its end.
        #[test]
        fn the_filters_of_a_page_are_those_of_the_next(query in "[a-z_=&%+0-9]{0,40}", name in "\\PC{1,20}") {
            let name = form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>();
            if let Ok(page) = parse(&format!("{query}&name={name}&expires_before=2026-01-01T00:00:00%2B02:00")) {
                let key = KeyId::new(Timestamp::MIN, [0; 8]);
                let next = page.next(Limit::ONE, key);
                prop_assert!(next.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"".contains(&byte)), "{}", next);
                let parsed = parse(&next[1..]).unwrap();
                prop_assert_eq!((parsed.limit, parsed.cursor), (Some(Limit::ONE), Some(key)));
                prop_assert_eq!(parsed.filter, page.filter);
            }
        }

        #[test]
        fn no_query_makes_it_panic(query: String) {
            let _ = parse(&query);
        }
    }
}
