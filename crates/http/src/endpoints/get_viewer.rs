//! `GET /v1/me`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};

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
pub(crate) async fn get_viewer(exchange: Current, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let caller = authenticate(&exchange, &request).await?;
    // What is remembered of it, for verdicts, may still have its old name.
    let caller = exchange.app().with_stored_organization(caller).await?;
    let viewer = exchange.app().viewer(caller);
    answer::json(StatusCode::OK, &ViewerResponse::from(&viewer))
}
