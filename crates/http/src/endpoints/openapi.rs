//! `GET /v1/openapi.json`.

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::header::ContentType, web::Bytes};

use crate::openapi::{openapi_json, responses::CountedErrors};

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(openapi_json()));

/// This document
#[utoipa::path(
    get, path = super::OPENAPI, operation_id = "getOpenApi", tag = "meta",
    responses(
        (status = 200, description = "The OpenAPI document of this API.", body = Object, content_type = "application/json"),
        CountedErrors,
    ),
)]
pub(crate) async fn get_openapi() -> HttpResponse {
    HttpResponse::Ok().insert_header(ContentType::json()).body(DOCUMENT.clone())
}
