//! `GET /livez`.

use actix_web::{HttpResponse, http::StatusCode};

use crate::{
    answer::{self, Health, errors::PublicErrors},
    error::ApiError,
};

pub(crate) struct Operation;

/// Is the process alive?
///
/// Asks nothing of anything else: a process that answers need not be restarted.
#[utoipa::path(
    get, path = "/livez", impl_for = Operation, operation_id = "getLivez", tag = "health",
    responses(
        (status = 200, description = "It is.", body = Health, example = json!({"status": "ok"})),
        PublicErrors,
    ),
)]
pub(crate) async fn get_livez() -> Result<HttpResponse, ApiError> {
    answer::json(StatusCode::OK, &Health { status: "ok" })
}
