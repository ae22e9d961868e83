//! The request that a gateway asks about.

use std::iter;

use capykeys_gateway::{OriginalRequest, Question, RequestHeaders};
use capykeys_listener::method_name;
use envoy_types::pb::envoy::{
    config::core::v3::HeaderValue,
    service::auth::v3::{AttributeContext, CheckRequest, attribute_context::HttpRequest},
};

/// What the gateway tells of a request.
pub(crate) struct Original {
    attributes: AttributeContext,
}

impl From<CheckRequest> for Original {
    fn from(request: CheckRequest) -> Self {
        Self { attributes: request.attributes.unwrap_or_default() }
    }
}

impl Original {
    fn http(&self) -> Option<&HttpRequest> {
        self.attributes.request.as_ref()?.http.as_ref()
    }

    /// What is asked. The gateway's settings for the route are `context_extensions`.
    pub(crate) fn question(&self) -> Question<'_, Self> {
        let original = self.http().map(|http| OriginalRequest {
            method: &http.method,
            host: Some(http.host.as_str()).filter(|host| !host.is_empty()),
            target: &http.path,
        });
        let settings = &self.attributes.context_extensions;
        let settings = settings.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Question { original, settings, headers: self }
    }

    /// The id that the request already has.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.text("x-request-id")
    }

    /// The first value of a header, where it is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.sent(name).next().and_then(|value| str::from_utf8(value).ok())
    }

    /// The method, for the log.
    pub(crate) fn method(&self) -> &'static str {
        self.http().map_or("-", |http| method_name(&http.method))
    }

    /// The values of a header, in whichever of the two forms the gateway is set up to send them.
    fn sent(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let texts = self.http().into_iter().flat_map(|http| &http.headers);
        let texts = texts.map(|(name, value)| (name, value.as_bytes()));
        let raw = self.http().and_then(|http| http.header_map.as_ref());
        let raw = raw.into_iter().flat_map(|map| &map.headers).map(|header| (&header.key, bytes(header)));
        iter::chain(texts, raw).filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl RequestHeaders for Original {
    fn values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        // Envoy joins the values of a header that was given more than once.
        self.sent(name).flat_map(|value| value.split(|byte| *byte == b','))
    }
}

fn bytes(header: &HeaderValue) -> &[u8] {
    if header.raw_value.is_empty() { header.value.as_bytes() } else { &header.raw_value }
}

#[cfg(test)]
mod tests {
    use capykeys_domain::secret::{Credential, KeyFormat};
    use capykeys_gateway::{CredentialError, read_credential};
    use envoy_types::pb::envoy::{config::core::v3::HeaderMap, service::auth::v3::attribute_context};

    use super::*;

    const KEY: &str = "capy_live_000000000000000000000000000000003UFVO5";

    fn original(http: HttpRequest) -> Original {
        let request = Some(attribute_context::Request { http: Some(http), ..Default::default() });
        Original { attributes: AttributeContext { request, ..Default::default() } }
    }

    fn with_headers(headers: &[(&str, &str)]) -> Original {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        original(HttpRequest { headers: headers.collect(), ..Default::default() })
    }

    fn with_raw_headers(headers: &[(&str, &[u8])]) -> Original {
        let header = |(name, value): &(&str, &[u8])| HeaderValue {
            key: (*name).to_owned(),
            raw_value: value.to_vec(),
            ..Default::default()
        };
        let map = HeaderMap { headers: headers.iter().map(header).collect() };
        original(HttpRequest { header_map: Some(map), ..Default::default() })
    }

    fn credential(original: &Original) -> Result<Option<Credential>, CredentialError> {
        read_credential(&KeyFormat::default(), original)
    }

    #[test]
    fn a_key_is_found_in_either_header_and_in_either_form() {
        let bearer = format!("Bearer {KEY}");
        for found in [
            with_headers(&[("authorization", &bearer)]),
            with_headers(&[("Authorization", &bearer), ("x-api-key", KEY)]),
            with_headers(&[("x-api-key", KEY)]),
            with_raw_headers(&[("authorization", bearer.as_bytes())]),
            with_raw_headers(&[("x-api-key", KEY.as_bytes()), ("authorization", b"")]),
        ] {
            assert!(matches!(credential(&found), Ok(Some(Credential::ApiKey(_)))));
        }
        assert!(matches!(credential(&with_headers(&[("cookie", KEY)])), Ok(None)));
        assert!(matches!(credential(&Original::from(CheckRequest::default())), Ok(None)));
    }

    #[test]
    fn what_was_given_twice_is_no_credential_even_if_both_agree() {
        let bearer = format!("Bearer {KEY}");
        for twice in [
            with_headers(&[("authorization", &format!("{bearer},{bearer}"))]),
            with_headers(&[("authorization", &format!("{bearer}, Basic YTpi"))]),
            with_headers(&[("authorization", &format!(",{bearer}"))]),
            with_headers(&[("x-api-key", &format!("{KEY},"))]),
            with_headers(&[("authorization", &bearer), ("Authorization", &bearer)]),
            with_raw_headers(&[("x-api-key", KEY.as_bytes()), ("X-Api-Key", KEY.as_bytes())]),
            with_headers(&[("authorization", "Bearer a.b.c"), ("x-api-key", KEY)]),
        ] {
            assert!(matches!(credential(&twice), Err(CredentialError::Unclear(_))));
        }
    }

    #[test]
    fn a_request_is_told_with_its_query_and_a_host_that_is_there() {
        let http = HttpRequest { method: "GET".into(), path: "/a?b=c".into(), ..Default::default() };
        let told = original(http);
        let request = told.question().original.unwrap();
        assert_eq!((request.method, request.host, request.target), ("GET", None, "/a?b=c"));
        assert_eq!(told.method(), "GET");
        let nothing = Original::from(CheckRequest::default());
        assert!(nothing.question().original.is_none() && nothing.request_id().is_none());
        assert_eq!(nothing.method(), "-");
        assert_eq!(original(HttpRequest { method: KEY.into(), ..Default::default() }).method(), "OTHER");
    }
}
