//! `POST /v1/organizations/{orgID}/api-keys`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Payload};

use crate::{
    answer::{self, CreateApiKeyResponse},
    error::ApiError,
    exchange::Current,
    openapi::responses::{
        BadRequest, Conflict, Forbidden, HeadersTooLarge, InternalError, MethodNotAllowed, NotFound,
        PayloadTooLarge, RequestTimeout, ServiceUnavailable, TooManyRequests, Unauthorized,
        UnsupportedMediaType,
    },
    request::{
        body,
        caller::{authenticate, organization},
        create_key::{CreateApiKeyRequest, key_spec},
    },
};

/// Create an API key
///
/// The answer holds the secret, which is shown this once. A key never hands on more than it has
/// itself: neither scopes nor life.
#[utoipa::path(
    post, path = super::API_KEYS, operation_id = "createApiKey", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organisation.", example = "org_01h455vb4pex5vsknk084sn02q"),
    ),
    request_body(content = CreateApiKeyRequest, description = "What the key is to be. At most 64 KiB.", content_type = "application/json"),
    responses(
        (status = 201, description = "The key and its secret.", body = CreateApiKeyResponse<'_>),
        (status = 400, response = BadRequest),
        (status = 401, response = Unauthorized),
        (status = 403, response = Forbidden),
        (status = 404, response = NotFound),
        (status = 405, response = MethodNotAllowed),
        (status = 408, response = RequestTimeout),
        (status = 409, response = Conflict),
        (status = 413, response = PayloadTooLarge),
        (status = 415, response = UnsupportedMediaType),
        (status = 429, response = TooManyRequests),
        (status = 431, response = HeadersTooLarge),
        (status = 500, response = InternalError),
        (status = 503, response = ServiceUnavailable),
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn create_api_key(
    exchange: Current,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let caller = authenticate(&exchange, &request).await?;
    let (app, context) = (exchange.app(), &exchange.context);
    let permit = app.permit_create_key(&caller, organization(&request), context).await?;
    let body = body::receive(&exchange, &request, payload).await?;
    let spec = key_spec(&body, app.format(), app.now())?;
    let created = app.create_key(&permit, spec, context).await?;
    answer::json(StatusCode::CREATED, &CreateApiKeyResponse::new(&created, app.now()))
}
