//! The credential in a request's headers. Cookies and the query are never looked at.

use capykeys_domain::secret::{Credential, KeyTexts};

use crate::RequestHeaders;

/// The headers in which a credential may stand. It is for this service alone, and for no API behind it.
pub const CREDENTIAL_HEADERS: [&str; 2] = ["authorization", "x-api-key"];

/// Why a request has no credential that could be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// It is not clear which one is meant: the sentence for the caller.
    #[error("{0}")]
    Unclear(&'static str),
    /// It can be none of ours: the reason for the log.
    #[error("{0}")]
    Refused(&'static str),
}

/// What a request signs in with.
#[derive(PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub enum Presented<'a> {
    /// `Authorization: Bearer`, possibly with the same in `X-API-Key`.
    Bearer(&'a [u8]),
    /// `X-API-Key`, which takes API keys alone.
    ApiKey(&'a [u8]),
    /// Something under another scheme.
    OtherScheme,
}

impl<'a> Presented<'a> {
    /// What a value of `Authorization` holds; `None` where that is nothing. RFC 9110, section 11.4: the
    /// scheme, in any case, then at least one space and the credential.
    #[must_use]
    pub fn of_authorization(value: &'a [u8]) -> Option<Self> {
        let end = value.iter().position(|&byte| byte == b' ').unwrap_or(value.len());
        let (scheme, token) = value.split_at(end);
        if !scheme.eq_ignore_ascii_case(b"bearer") {
            return Some(Self::OtherScheme);
        }
        let token = token.trim_ascii();
        (!token.is_empty()).then_some(Self::Bearer(token))
    }
}

/// What a request signs in with, by its headers `Authorization` and `X-API-Key`; `None` where it does not. `texts` says
/// what can be a key.
///
/// # Errors
/// [`CredentialError`].
pub fn read_credential<'f>(
    texts: impl Into<KeyTexts<'f>>,
    headers: &impl RequestHeaders,
) -> Result<Option<Credential>, CredentialError> {
    let (texts, refused) = (texts.into(), CredentialError::Refused);
    let parse = |bytes| str::from_utf8(bytes).ok().and_then(|text| Credential::parse(texts, text));
    let malformed = "neither an API key nor a session token";
    let [authorization, api_key] = CREDENTIAL_HEADERS.map(|name| headers.values(name));
    match presented(authorization, api_key)? {
        None => Ok(None),
        Some(Presented::OtherScheme) => Err(refused("not a bearer token")),
        Some(Presented::Bearer(token)) => parse(token).ok_or(refused(malformed)).map(Some),
        Some(Presented::ApiKey(key)) => match parse(key) {
            Some(Credential::Session(_)) => Err(refused("a session token as API key")),
            other => other.ok_or(refused(malformed)).map(Some),
        },
    }
}

fn presented<'a>(
    authorization: impl IntoIterator<Item = &'a [u8]>,
    api_key: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<Presented<'a>>, CredentialError> {
    let authorization = only_value(authorization, "`Authorization` must be given only once.")?;
    let api_key = only_value(api_key, "`X-API-Key` must be given only once.")?;
    match (authorization.and_then(Presented::of_authorization), api_key) {
        (None, None) => Ok(None),
        (None, Some(key)) => Ok(Some(Presented::ApiKey(key))),
        (Some(Presented::Bearer(token)), Some(key)) if token == key => Ok(Some(Presented::Bearer(token))),
        (Some(_), Some(_)) => {
            let sentence = "`Authorization` and `X-API-Key` must not hold different credentials.";
            Err(CredentialError::Unclear(sentence))
        }
        (Some(presented), None) => Ok(Some(presented)),
    }
}

/// The only value of a header, without white space around it; `None` where that leaves nothing.
///
/// # Errors
/// [`CredentialError::Unclear`] with the sentence `repeated` where there is more than one.
pub fn only_value<'a>(
    values: impl IntoIterator<Item = &'a [u8]>,
    repeated: &'static str,
) -> Result<Option<&'a [u8]>, CredentialError> {
    let mut values = values.into_iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(CredentialError::Unclear(repeated));
    }
    Ok(first.map(<[u8]>::trim_ascii).filter(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use capykeys_domain::secret::KeyFormat;
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "capy_live_000000000000000000000000000000003UFVO5";

    #[test]
    fn the_scheme_is_read_in_any_case_and_any_number_of_spaces_may_follow() {
        for value in ["Bearer abc", "bearer abc", "BEARER   abc", " Bearer abc "] {
            assert_eq!(presented([value.as_bytes()], []), Ok(Some(Presented::Bearer(b"abc"))), "{value}");
        }
    }

    #[test]
    fn nothing_after_the_scheme_is_no_credential() {
        for value in ["", " ", "Bearer", "bearer ", "Bearer    "] {
            assert_eq!(presented([value.as_bytes()], [&b""[..]]), Ok(None), "{value:?}");
        }
        assert_eq!(presented([], []), Ok(None));
    }

    #[test]
    fn any_other_scheme_is_a_credential_of_another_scheme() {
        for value in [&b"Basic YTpi"[..], b"Bearerabc", b"abc", b"\xff\xfe", b"Bearer\tabc"] {
            assert_eq!(presented([value], []), Ok(Some(Presented::OtherScheme)));
        }
    }

    #[test]
    fn two_different_credentials_are_refused_and_two_equal_ones_are_one() {
        let key = [&b"abc"[..]];
        assert_eq!(presented([&b"Bearer abc"[..]], key), Ok(Some(Presented::Bearer(b"abc"))));
        for authorization in [&b"Bearer abd"[..], b"Basic abc"] {
            assert!(presented([authorization], key).is_err());
        }
        assert_eq!(presented([&b"Bearer"[..]], key), Ok(Some(Presented::ApiKey(b"abc"))));
    }

    #[test]
    fn a_header_given_twice_is_refused_even_if_both_agree() {
        let twice = [&b"Bearer a"[..]; 2];
        assert!(presented(twice, []).is_err() && presented([], twice).is_err());
    }

    #[test]
    fn a_session_is_no_api_key_and_neither_is_in_another_encoding() {
        let format = KeyFormat::default();
        let of = |authorization: &[u8], key: &[u8]| {
            read_credential(&format, &vec![("authorization", authorization), ("x-api-key", key)])
        };
        assert!(matches!(of(b"", KEY.as_bytes()), Ok(Some(Credential::ApiKey(_)))));
        assert!(matches!(of(b"Bearer a.b.c", b""), Ok(Some(Credential::Session(_)))));
        for (authorization, key) in [(&b""[..], &b"a.b.c"[..]), (b"Bearer \xff", b""), (b"", b"capy_live_0")]
        {
            assert!(matches!(of(authorization, key), Err(CredentialError::Refused(_))));
        }
    }

    #[test]
    fn where_keys_were_brought_a_text_of_another_form_is_one_in_either_header() {
        let format = KeyFormat::default();
        let of = |brought, authorization: &[u8], key: &[u8]| {
            let texts = KeyTexts { format: &format, brought };
            read_credential(texts, &vec![("authorization", authorization), ("x-api-key", key)])
        };
        let secret = b"sk_live_0123456789abcdef";
        let bearer = [b"Bearer ", &secret[..]].concat();
        for (authorization, key) in [(&bearer[..], &b""[..]), (b"", secret), (&bearer, secret)] {
            assert!(
                matches!(of(true, authorization, key), Ok(Some(Credential::ApiKey(key))) if key.is_brought())
            );
            assert!(matches!(of(false, authorization, key), Err(CredentialError::Refused(_))));
        }
        assert!(matches!(of(true, b"Bearer 0123456789.abcdef.xyz", b""), Ok(Some(Credential::Session(_)))));
        assert!(matches!(of(true, b"", b"0123456789.abcdef.xyz"), Err(CredentialError::Refused(_))));
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(authorization: Vec<u8>, key: Vec<u8>) {
            let headers = vec![("authorization", authorization), ("x-api-key", key)];
            let _ = read_credential(&KeyFormat::default(), &headers);
        }
    }
}
