//! The credential in a request's header. Cookies and the query are never looked at.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::error::ApiError;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What a request signs in with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Presented<'a> {
    /// `Authorization: Bearer`, possibly with the same in `X-API-Key`.
    Bearer(&'a [u8]),
    /// `X-API-Key`, which takes API keys alone.
    ApiKey(&'a [u8]),
    /// Something under another scheme.
    OtherScheme,
}

/// The credential; `None` where there is none.
///
/// # Errors
/// 400 where it is not clear which one is meant.
pub(super) fn presented(headers: &HeaderMap) -> Result<Option<Presented<'_>>, ApiError> {
    let authorization = only(headers, &header::AUTHORIZATION, "`Authorization` must be given only once.")?;
    let api_key = only(headers, &API_KEY, "`X-API-Key` must be given only once.")?;
    match (authorization.and_then(authorized), api_key) {
        (None, None) => Ok(None),
        (None, Some(key)) => Ok(Some(Presented::ApiKey(key))),
        (Some(Presented::Bearer(token)), Some(key)) if token == key => Ok(Some(Presented::Bearer(token))),
        (Some(_), Some(_)) => {
            Err(ApiError::invalid("`Authorization` and `X-API-Key` must not hold different credentials."))
        }
        (Some(presented), None) => Ok(Some(presented)),
    }
}

/// The header's only value, without white space around it; `None` where that leaves nothing.
///
/// # Errors
/// 400 with the sentence `repeated` where the header is there twice.
pub(crate) fn only<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    repeated: &'static str,
) -> Result<Option<&'a [u8]>, ApiError> {
    let mut values = headers.get_all(name);
    let first = values.next();
    if values.next().is_some() {
        return Err(ApiError::invalid(repeated));
    }
    Ok(first.map(HeaderValue::as_bytes).map(<[u8]>::trim_ascii).filter(|value| !value.is_empty()))
}

/// RFC 9110, section 11.4: the scheme, in any case, then at least one space and the credential.
pub(crate) fn authorized(value: &[u8]) -> Option<Presented<'_>> {
    let end = value.iter().position(|&byte| byte == b' ').unwrap_or(value.len());
    let (scheme, token) = value.split_at(end);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(Presented::OtherScheme);
    }
    let token = token.trim_ascii();
    (!token.is_empty()).then_some(Presented::Bearer(token))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap()))
            .collect()
    }

    #[test]
    fn the_scheme_is_read_in_any_case_and_any_number_of_spaces_may_follow() {
        for value in ["Bearer abc", "bearer abc", "BEARER   abc", " Bearer abc "] {
            let headers = headers(&[("authorization", value.as_bytes())]);
            assert_eq!(presented(&headers).unwrap(), Some(Presented::Bearer(b"abc")), "{value}");
        }
    }

    #[test]
    fn nothing_after_the_scheme_is_no_credential() {
        for value in ["", " ", "Bearer", "bearer ", "Bearer    "] {
            let headers = headers(&[("authorization", value.as_bytes()), ("x-api-key", b"")]);
            assert_eq!(presented(&headers).unwrap(), None, "{value:?}");
        }
        assert_eq!(presented(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn any_other_scheme_is_a_credential_of_another_scheme() {
        for value in [&b"Basic YTpi"[..], b"Bearerabc", b"abc", b"\xff\xfe", b"Bearer\tabc"] {
            assert_eq!(
                presented(&headers(&[("authorization", value)])).unwrap(),
                Some(Presented::OtherScheme)
            );
        }
    }

    #[test]
    fn two_different_credentials_are_refused_and_two_equal_ones_are_one() {
        let same = headers(&[("authorization", b"Bearer abc"), ("x-api-key", b"abc")]);
        assert_eq!(presented(&same).unwrap(), Some(Presented::Bearer(b"abc")));
        for authorization in [&b"Bearer abd"[..], b"Basic abc"] {
            let different = headers(&[("authorization", authorization), ("x-api-key", b"abc")]);
            assert!(presented(&different).is_err());
        }
        let empty = headers(&[("authorization", b"Bearer"), ("x-api-key", b"abc")]);
        assert_eq!(presented(&empty).unwrap(), Some(Presented::ApiKey(b"abc")));
    }

    #[test]
    fn a_header_given_twice_is_refused_even_if_both_agree() {
        for name in ["authorization", "x-api-key"] {
            assert!(presented(&headers(&[(name, b"Bearer a"), (name, b"Bearer a")])).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(authorization: Vec<u8>, key: Vec<u8>) {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::AUTHORIZATION, authorization), (API_KEY, key)] {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.insert(name, value);
                }
            }
            let _ = presented(&headers);
        }
    }
}
