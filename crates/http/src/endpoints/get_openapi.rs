//! `GET /v1/openapi.json`.

use actix_web::{HttpResponse, http::header::ContentType};

use crate::{answer::errors::CountedErrors, request::call::Call};

pub(crate) struct Operation;

/// This document
///
/// With the scopes that this service has.
#[utoipa::path(
    get, path = "/v1/openapi.json", impl_for = Operation, operation_id = "getOpenApi", tag = "meta",
    responses(
        (status = 200, description = "The OpenAPI document of this API.", body = Object, content_type = "application/json"),
        CountedErrors,
    ),
)]
pub(crate) async fn get_openapi(call: Call) -> HttpResponse {
    let document = (*call.exchange.shared.document).clone();
    HttpResponse::Ok().insert_header(ContentType::json()).body(document)
}
