//! `GET /livez`.

use actix_web::{HttpResponse, http::StatusCode};

use crate::{
    answer::{self, HealthResponse},
    error::ApiError,
    openapi::responses::{
        BadRequest, HeadersTooLarge, InternalError, MethodNotAllowed, RequestTimeout, ServiceUnavailable,
    },
};

/// Is the process alive?
///
/// Asks nothing of anything else: a process that answers need not be restarted.
#[utoipa::path(
    get, path = super::LIVEZ, operation_id = "getLivez", tag = "health",
    responses(
        (status = 200, description = "It is.", body = HealthResponse, example = json!({"status": "ok"})),
        (status = 400, response = BadRequest),
        (status = 405, response = MethodNotAllowed),
        (status = 408, response = RequestTimeout),
        (status = 431, response = HeadersTooLarge),
        (status = 500, response = InternalError),
        (status = 503, response = ServiceUnavailable),
    ),
)]
pub(crate) async fn get_livez() -> Result<HttpResponse, ApiError> {
    answer::json(StatusCode::OK, &HealthResponse { status: "ok" })
}
