//! `GET /v1/me`.

use actix_web::{HttpResponse, http::StatusCode};

use crate::{
    answer::{self, ViewerResponse, errors::CallerErrors},
    error::ApiError,
    request::call::Call,
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
pub(crate) async fn get_viewer(call: Call) -> Result<HttpResponse, ApiError> {
    let caller = call.authenticate().await?;
    let viewer = call.management()?.viewer(caller).await?;
    answer::json(StatusCode::OK, &ViewerResponse::from(&viewer))
}
