//! `/authorize/…`, on the internal listener: may the request pass that a gateway asks about?
//!
//! One endpoint for each family of gateways, in any method; none reads a body. They are not in the
//! OpenAPI document: gateways are set up by hand, as `docs/gateways.md` says.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use capykeys_domain::usecases::{AuthorizeError, Gateways};

use crate::{
    answer::let_through,
    cluster::{self, TokenHeader},
    error::ApiError,
    exchange::{Current, Identity},
    request::{
        caller::credential,
        original::{Family, needs},
    },
};

/// Traefik and Caddy.
pub(crate) async fn forward_auth(
    exchange: Current,
    request: HttpRequest,
    gateways: Data<Gateways>,
) -> Result<HttpResponse, ApiError> {
    authorize(&exchange, &request, Family::ForwardAuth, &gateways).await
}

/// nginx and HAProxy.
pub(crate) async fn auth_request(
    exchange: Current,
    request: HttpRequest,
    gateways: Data<Gateways>,
) -> Result<HttpResponse, ApiError> {
    authorize(&exchange, &request, Family::AuthRequest, &gateways).await
}

/// Envoy, Istio and the Gateway API.
pub(crate) async fn ext_authz(
    exchange: Current,
    request: HttpRequest,
    gateways: Data<Gateways>,
) -> Result<HttpResponse, ApiError> {
    authorize(&exchange, &request, Family::ExtAuthz(super::EXT_AUTHZ), &gateways).await
}

async fn authorize(
    exchange: &Current,
    request: &HttpRequest,
    family: Family,
    gateways: &Gateways,
) -> Result<HttpResponse, ApiError> {
    cluster::prove(exchange, request, TokenHeader::ClusterToken).await?;
    let app = exchange.app();
    let needs = needs(request, family, gateways.rules.as_ref(), app.scopes())?;
    let credential = credential(app.format(), request.headers()).map_err(AuthorizeError::from)?;
    let authorized = app.authorize(credential.as_ref(), &needs, &exchange.context).await?;
    if let Some(identity) = Identity::of_authorized(&authorized) {
        exchange.identify(identity);
    }
    let_through(&gateways.headers, &authorized)
}
