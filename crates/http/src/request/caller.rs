//! Who asks, and for which organization.

use actix_web::HttpRequest;
use capykeys_domain::{
    model::{Caller, KeyId, OrganizationId},
    policy::Target,
};
use capykeys_gateway::read_credential;

use crate::{
    error::ApiError,
    exchange::{Exchange, Identity},
    request::headers::Sent,
};

/// The caller behind the request's credential.
///
/// # Errors
/// 400 where it is not clear which credential is meant, 401 where there is none or it is not good,
/// 503 where that cannot be known right now.
pub(crate) async fn authenticate(exchange: &Exchange, request: &HttpRequest) -> Result<Caller, ApiError> {
    let credential = read_credential(exchange.environment().format(), &Sent(request.headers()))?;
    let credential = credential.ok_or(ApiError::no_credential())?;
    let caller = exchange.verdicts().authenticate(&credential, &exchange.context).await?;
    exchange.identify(Identity::of(&caller));
    Ok(caller)
}

/// The organization and the key that the path names.
pub(crate) fn target(request: &HttpRequest) -> Target {
    let path = request.match_info();
    Target {
        organization: path.get("orgID").and_then(OrganizationId::parse),
        key: path.get("keyID").and_then(KeyId::parse),
    }
}
