//! The headers of a request, as credentials and gateways' questions are read from them.

use actix_web::http::header::{HeaderMap, HeaderValue};
use capykeys_gateway::RequestHeaders;

/// The headers of a request.
pub(crate) struct Sent<'a>(pub(crate) &'a HeaderMap);

impl RequestHeaders for Sent<'_> {
    fn values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.0.get_all(name).map(HeaderValue::as_bytes)
    }
}
