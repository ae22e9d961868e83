//! `GET /v1/me`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};

use crate::{
    answer::{self, ViewerResponse},
    error::ApiError,
    exchange::Current,
    openapi::responses::{
        BadRequest, HeadersTooLarge, InternalError, MethodNotAllowed, PayloadTooLarge, RequestTimeout,
        ServiceUnavailable, TooManyRequests, Unauthorized, UnsupportedMediaType,
    },
    request::caller::authenticate,
};

/// Who am I?
///
/// Tells the caller who it is and which organisation it belongs to, also where that is suspended.
#[utoipa::path(
    get, path = super::ME, operation_id = "getViewer", tag = "viewer",
    responses(
        (status = 200, description = "The caller and its organisation.", body = ViewerResponse<'_>),
        (status = 400, response = BadRequest),
        (status = 401, response = Unauthorized),
        (status = 405, response = MethodNotAllowed),
        (status = 408, response = RequestTimeout),
        (status = 413, response = PayloadTooLarge),
        (status = 415, response = UnsupportedMediaType),
        (status = 429, response = TooManyRequests),
        (status = 431, response = HeadersTooLarge),
        (status = 500, response = InternalError),
        (status = 503, response = ServiceUnavailable),
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn get_viewer(exchange: Current, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let caller = authenticate(&exchange, &request).await?;
    let viewer = exchange.app().viewer(caller);
    answer::json(StatusCode::OK, &ViewerResponse::from(&viewer))
}
