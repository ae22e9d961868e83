//! `GET /v1/organizations/{orgID}`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use capykeys_domain::usecases::Management;

use crate::{
    answer::{self, OrganizationResponse, errors::OwnOrganizationErrors},
    error::ApiError,
    exchange::Current,
    request::caller::{authenticate, target},
};

pub(crate) struct Operation;

/// Get an organization
///
/// The caller's own, with any good credential of it: no scope is needed, and a key of one project will
/// do.
#[utoipa::path(
    get, path = "/v1/organizations/{orgID}", impl_for = Operation, operation_id = "getOrganization", tag = "organizations",
    params(
        ("orgID" = String, Path, description = "The id of the organization.", example = "org_01h455vb4pex5vsknk084sn02q"),
    ),
    responses(
        (status = 200, description = "The organization.", body = OrganizationResponse<'_>),
        OwnOrganizationErrors,
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn get_organization(
    exchange: Current,
    request: HttpRequest,
    management: Data<Management>,
) -> Result<HttpResponse, ApiError> {
    let caller = authenticate(&exchange, &request).await?;
    let permit = management.permit(&caller, target(&request), &exchange.context).await?;
    let organization = management.organization(&permit).await?;
    answer::json(StatusCode::OK, &OrganizationResponse::from(&organization))
}
