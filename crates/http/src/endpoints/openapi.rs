//! `GET /v1/openapi.json`.

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::header::ContentType, web::Bytes};

use crate::openapi::{
    openapi_json,
    responses::{
        BadRequest, HeadersTooLarge, InternalError, MethodNotAllowed, RequestTimeout, ServiceUnavailable,
        TooManyRequests,
    },
};

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(openapi_json()));

/// This document
#[utoipa::path(
    get, path = super::OPENAPI, operation_id = "getOpenApi", tag = "meta",
    responses(
        (status = 200, description = "The OpenAPI document of this API.", body = Object, content_type = "application/json"),
        (status = 400, response = BadRequest),
        (status = 405, response = MethodNotAllowed),
        (status = 408, response = RequestTimeout),
        (status = 429, response = TooManyRequests),
        (status = 431, response = HeadersTooLarge),
        (status = 500, response = InternalError),
        (status = 503, response = ServiceUnavailable),
    ),
)]
pub(crate) async fn get_openapi() -> HttpResponse {
    HttpResponse::Ok().insert_header(ContentType::json()).body(DOCUMENT.clone())
}
