//! `/authorize/…`, on the internal listener: may the request pass that a gateway asks about?
//!
//! One endpoint for each family of gateways, in any method; none reads a body. They are not in the
//! OpenAPI document: gateways are set up by hand, as `docs/gateways.md` says.

use actix_web::{HttpResponse, http::uri::PathAndQuery, web::Data};
use capykeys_gateway::{GatewayFamily, Refusal};

use crate::{
    answer::{GatewayData, let_through},
    cluster::{self, TokenHeader},
    error::ApiError,
    request::{call::Call, headers::Sent},
};

/// What the log and the metrics call the paths that Envoy asks at.
const EXT_AUTHZ_ROUTE: &str = "/authorize/ext-authz{path:.*}";

/// Traefik and Caddy.
pub(crate) async fn forward_auth(call: Call, asked: Data<GatewayData>) -> Result<HttpResponse, ApiError> {
    authorize(&call, GatewayFamily::ForwardAuth, &asked).await
}

/// nginx and HAProxy.
pub(crate) async fn auth_request(call: Call, asked: Data<GatewayData>) -> Result<HttpResponse, ApiError> {
    authorize(&call, GatewayFamily::AuthRequest, &asked).await
}

/// Envoy, Istio and the Gateway API, at every path that begins like that; at others there is nothing.
///
/// It is asked where no other endpoint is found: to look for its pattern, which is a regular expression to the router,
/// took more instructions than the rest of the answer.
pub(crate) async fn ext_authz(call: Call, asked: Data<GatewayData>) -> Result<HttpResponse, ApiError> {
    if !call.request.match_info().as_str().starts_with(super::EXT_AUTHZ) {
        return Err(ApiError::NoSuchRoute);
    }
    call.exchange.route.set(EXT_AUTHZ_ROUTE);
    authorize(&call, GatewayFamily::ExtAuthz(super::EXT_AUTHZ), &asked).await
}

async fn authorize(
    call: &Call,
    family: GatewayFamily,
    asked: &GatewayData,
) -> Result<HttpResponse, ApiError> {
    cluster::prove(call, TokenHeader::ClusterToken).await?;
    let Call { exchange, request, .. } = call;
    let headers = Sent(request.headers());
    // As it was sent: what routing found has been decoded.
    let target = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
    let question = family.question(request.method().as_str(), target, &headers).map_err(Refusal::from)?;
    let authorized = asked.gateways.authorize(exchange.verdicts(), &question, &exchange.context).await?;
    if let Some((caller, organization_id)) = authorized.actor() {
        exchange.identify(caller, Some(organization_id));
    }
    let_through(asked, &authorized)
}
