//! `GET /v1/organizations/{orgID}`.

use actix_web::{HttpResponse, http::StatusCode};

use crate::{
    answer::{self, OrganizationEnvelope, errors::OwnOrganizationErrors},
    error::ApiError,
    request::call::Call,
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
        (status = 200, description = "The organization.", body = OrganizationEnvelope<'_>),
        OwnOrganizationErrors,
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn get_organization(call: Call) -> Result<HttpResponse, ApiError> {
    let permit = call.permit().await?;
    let organization = call.management()?.organization(&permit).await?;
    answer::json(StatusCode::OK, &OrganizationEnvelope::from(&organization))
}
