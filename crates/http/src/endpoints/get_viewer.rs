//! `GET /v1/me`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use capykeys_domain::usecases::Management;

use crate::{
    answer::{self, ViewerResponse, errors::CallerErrors},
    error::ApiError,
    exchange::Current,
    request::caller::authenticate,
};

pub(crate) struct Operation;

/// Who am I?
///
/// Tells the caller who it is and which organization it belongs to, also where that is suspended.
#[utoipa::path(
    get, path = "/v1/me", impl_for = Operation, operation_id = "getViewer", tag = "viewer",
    responses(
        (status = 200, description = "The caller and its organization.", body = ViewerResponse<'_>),
        CallerErrors,
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn get_viewer(
    exchange: Current,
    request: HttpRequest,
    management: Data<Management>,
) -> Result<HttpResponse, ApiError> {
    let caller = authenticate(&exchange, &request).await?;
    let viewer = management.viewer(caller).await?;
    answer::json(StatusCode::OK, &ViewerResponse::from(&viewer))
}
