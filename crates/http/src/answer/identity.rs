//! Who was let through a gateway, for the service behind it.

use actix_web::{
    HttpResponse,
    http::header::{HeaderName, HeaderValue},
};
use capykeys_gateway::{Authorized, IdentityHeaders};

use crate::error::ApiError;

/// The answer that lets a request through. Every header is set, empty where there is nothing to say,
/// so that none of the same name from outside takes its place.
///
/// Exactly 200: Envoy takes any other status for a refusal.
pub(crate) fn let_through(names: &IdentityHeaders, who: &Authorized) -> Result<HttpResponse, ApiError> {
    let mut answer = HttpResponse::Ok().finish();
    for (name, text) in names.of(who) {
        let name = HeaderName::try_from(name).map_err(|_| ApiError::Internal)?;
        let text = HeaderValue::try_from(text).map_err(|_| ApiError::Internal)?;
        answer.headers_mut().insert(name, text);
    }
    Ok(answer)
}
