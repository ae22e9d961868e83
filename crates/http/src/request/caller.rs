//! Who asks, and for which organization.

use actix_web::{
    HttpRequest,
    http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};
use capykeys_domain::{
    model::{Caller, KeyId, OrganizationId},
    policy::Target,
    secret::{Credential, CredentialError, KeyFormat},
};

use crate::{
    error::ApiError,
    exchange::{Exchange, Identity},
};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The caller behind the request's credential.
///
/// # Errors
/// 400 where it is not clear which credential is meant, 401 where there is none or it is not good,
/// 503 where that cannot be known right now.
pub(crate) async fn authenticate(exchange: &Exchange, request: &HttpRequest) -> Result<Caller, ApiError> {
    let credential = credential(exchange.environment().format(), request.headers())?;
    let credential = credential.ok_or(ApiError::no_credential())?;
    let caller = exchange.verdicts().authenticate(&credential, &exchange.context).await?;
    exchange.identify(Identity::of(&caller));
    Ok(caller)
}

/// The request's credential; `None` where there is none.
///
/// # Errors
/// [`CredentialError`].
pub(crate) fn credential(
    format: &KeyFormat,
    headers: &HeaderMap,
) -> Result<Option<Credential>, CredentialError> {
    let values = |name: &HeaderName| headers.get_all(name).map(HeaderValue::as_bytes);
    Credential::of_request(format, values(&AUTHORIZATION), values(&API_KEY))
}

/// The organization and the key that the path names.
pub(crate) fn target(request: &HttpRequest) -> Target {
    let path = request.match_info();
    Target {
        organization: path.get("orgID").and_then(OrganizationId::parse),
        key: path.get("keyID").and_then(KeyId::parse),
    }
}
