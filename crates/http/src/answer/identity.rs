//! Who was let through a gateway, for the service behind it.

use std::borrow::Cow;

use actix_web::{
    HttpResponse,
    http::header::{HeaderName, HeaderValue},
};
use capykeys_gateway::{Authorized, Gateways};

use crate::error::ApiError;

/// How gateways are answered.
pub(crate) struct GatewayData {
    pub(crate) gateways: Gateways,
    /// The names of its headers, parsed once; `None` where one is no name, which is not to be.
    names: Option<Vec<HeaderName>>,
}

impl From<Gateways> for GatewayData {
    fn from(gateways: Gateways) -> Self {
        let names = gateways.headers.names().map(|name| HeaderName::try_from(name).ok()).collect();
        Self { gateways, names }
    }
}

/// The answer that lets a request through. Every header is set, empty where there is nothing to say,
/// so that none of the same name from outside takes its place.
///
/// Exactly 200: Envoy takes any other status for a refusal.
pub(crate) fn let_through(asked: &GatewayData, who: &Authorized) -> Result<HttpResponse, ApiError> {
    let names = asked.names.as_ref().ok_or(ApiError::Internal)?;
    let mut answer = HttpResponse::Ok().finish();
    for (name, (_, text)) in names.iter().zip(asked.gateways.headers.of(who)) {
        let text = match text {
            Cow::Borrowed(text) => HeaderValue::from_str(text).ok(),
            Cow::Owned(text) => HeaderValue::try_from(text).ok(),
        };
        answer.headers_mut().insert(name.clone(), text.ok_or(ApiError::Internal)?);
    }
    Ok(answer)
}
