//! Who asks, and for which organisation.

use std::str;

use actix_web::{HttpRequest, http::header::HeaderMap};
use capykeys_domain::{
    model::{Caller, KeyId, OrganizationId},
    policy::Target,
    secret::{Credential, KeyFormat},
};

use super::credential::{Presented, presented};
use crate::{
    error::ApiError,
    exchange::{Exchange, Identity},
};

/// The caller behind the request's credential.
///
/// # Errors
/// 400 where it is not clear which credential is meant, 401 where there is none or it is not good,
/// 503 where that cannot be known right now.
pub(crate) async fn authenticate(exchange: &Exchange, request: &HttpRequest) -> Result<Caller, ApiError> {
    let credential = credential(exchange.app().format(), request.headers())?;
    let credential = credential.ok_or(ApiError::no_credential())?;
    let caller = exchange.app().authenticate(&credential, &exchange.context).await?;
    exchange.identify(Identity::of(&caller));
    Ok(caller)
}

/// The request's credential; `None` where there is none.
///
/// # Errors
/// 400 where it is not clear which credential is meant, 401 where it can be none of ours.
pub(crate) fn credential(format: &KeyFormat, headers: &HeaderMap) -> Result<Option<Credential>, ApiError> {
    let refused = |reason| ApiError::Unauthenticated { credential_given: true, reason };
    let parse = |bytes| str::from_utf8(bytes).ok().and_then(|text| Credential::parse(format, text));
    let malformed = "neither an API key nor a session token";
    match presented(headers)? {
        None => Ok(None),
        Some(Presented::OtherScheme) => Err(refused("not a bearer token")),
        Some(Presented::Bearer(token)) => parse(token).ok_or(refused(malformed)).map(Some),
        Some(Presented::ApiKey(key)) => match parse(key) {
            Some(Credential::Session(_)) => Err(refused("a session token as API key")),
            other => other.ok_or(refused(malformed)).map(Some),
        },
    }
}

/// The organisation of the path; `None` where no organisation can have such an id.
pub(crate) fn organization(request: &HttpRequest) -> Target {
    request.match_info().get("orgID").and_then(OrganizationId::parse)
}

/// The key of the path; `None` where no key can have such an id.
pub(crate) fn key(request: &HttpRequest) -> Option<KeyId> {
    request.match_info().get("keyID").and_then(KeyId::parse)
}
