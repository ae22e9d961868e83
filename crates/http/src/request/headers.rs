//! The headers of a request, as credentials and gateways' questions are read from them.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use capykeys_gateway::RequestHeaders;

/// The headers of a request.
pub(crate) struct Sent<'a>(pub(crate) &'a HeaderMap);

impl RequestHeaders for Sent<'_> {
    fn values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        // From any other text a name that HTTP does not know is allocated.
        self.0.get_all(HeaderName::from_static(name)).map(HeaderValue::as_bytes)
    }
}
