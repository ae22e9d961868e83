//! `POST /v1/organizations/{orgID}/api-keys`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Payload};

use crate::{
    answer::{self, CreateApiKeyResponse},
    error::ApiError,
    exchange::Current,
    openapi::responses::CreationErrors,
    request::{
        body,
        caller::{authenticate, organization},
        create_key::{CreateApiKeyRequest, key_spec},
    },
};

/// Create an API key
///
/// The answer holds the secret, which is shown this once. A key never hands on more than it has
/// itself: neither scopes nor life. Created with an API key that expires, a key without `expires_at`
/// expires when that one does: look at the answer's `expires_at`.
#[utoipa::path(
    post, path = super::API_KEYS, operation_id = "createApiKey", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organization.", example = "org_01h455vb4pex5vsknk084sn02q"),
    ),
    request_body(content = CreateApiKeyRequest, description = "What the key is to be. At most 64 KiB.", content_type = "application/json"),
    responses(
        (status = 201, description = "The key and its secret.", body = CreateApiKeyResponse<'_>),
        CreationErrors,
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
    let spec = key_spec(&body, app.format(), app.scopes(), app.now())?;
    let created = app.create_key(&permit, spec, context).await?;
    answer::json(StatusCode::CREATED, &CreateApiKeyResponse::new(&created, app.now()))
}
