//! `GET /v1/openapi.json`.

use actix_web::{
    HttpResponse,
    http::header::ContentType,
    web::{Bytes, Data},
};

use crate::{
    BasePath,
    exchange::Current,
    openapi::{openapi_json_of, responses::CountedErrors},
};

/// This document
#[utoipa::path(
    get, path = super::OPENAPI, operation_id = "getOpenApi", tag = "meta",
    responses(
        (status = 200, description = "The OpenAPI document of this API.", body = Object, content_type = "application/json"),
        CountedErrors,
    ),
)]
pub(crate) async fn get_openapi(exchange: Current, base: Data<BasePath>) -> HttpResponse {
    let scopes = exchange.app().scopes();
    let document = exchange.shared.document.get_or_init(|| Bytes::from(openapi_json_of(&base, scopes)));
    HttpResponse::Ok().insert_header(ContentType::json()).body(document.clone())
}
