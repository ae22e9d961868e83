//! `GET /readyz`.

use actix_web::{HttpResponse, http::StatusCode};

use crate::{
    answer::{self, Health, errors::PublicErrors},
    error::ApiError,
    request::call::Call,
};

pub(crate) struct Operation;

/// Is the server ready for requests?
///
/// It is not while its store is out of reach, nor once it is going out of service.
#[utoipa::path(
    get, path = "/readyz", impl_for = Operation, operation_id = "getReadyz", tag = "health",
    responses(
        (status = 200, description = "It is.", body = Health, example = json!({"status": "ready"})),
        PublicErrors,
    ),
)]
pub(crate) async fn get_readyz(call: Call) -> Result<HttpResponse, ApiError> {
    if call.exchange.shared.drain.has_begun() {
        return Err(ApiError::Draining);
    }
    call.exchange.verdicts().ready().await?;
    answer::json(StatusCode::OK, &Health { status: "ready" })
}
