//! `GET /status`.

use actix_web::{HttpResponse, http::StatusCode};

use crate::{
    answer::{self, StatusView, errors::PublicErrors},
    error::ApiError,
    request::call::Call,
};

pub(crate) struct Operation;

/// How is the service?
///
/// For people and their tools. It is always 200, is found out every few seconds at most, and tells
/// nothing that is not for everybody. Load balancers ask `/readyz`.
#[utoipa::path(
    get, path = "/status", impl_for = Operation, operation_id = "getStatus", tag = "health",
    responses(
        (status = 200, description = "How it is.", body = StatusView, example = json!({
            "service": "capykeys",
            "status": "operational",
            "components": [{"name": "store", "status": "operational"}],
            "updated_at": "2026-01-31T12:00:00Z"
        })),
        PublicErrors,
    ),
)]
pub(crate) async fn get_status(call: Call) -> Result<HttpResponse, ApiError> {
    let found = call.exchange.shared.status.look(call.exchange.verdicts()).await;
    answer::json(StatusCode::OK, &StatusView::new(found.store_is_there, found.at))
}
