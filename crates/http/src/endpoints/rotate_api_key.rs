//! `POST /v1/organizations/{orgID}/api-keys/{keyID}/rotate`.

use actix_web::{HttpResponse, http::StatusCode};
use capykeys_domain::usecases::RotateKeyRequest;

use crate::{
    answer::{self, CreatedApiKey, errors::RotationErrors},
    error::ApiError,
    request::{
        call::Call,
        rotate_key::{RotateApiKeyRequest, rotation},
    },
};

pub(crate) struct Operation;

/// Rotate an API key
///
/// The same key gets another secret, which is shown this once. The secret before it stays good until `previous_expires_at`:
/// look at `previous_last_used_at` for whether it is still in use. Whoever could create the key as it is may rotate it, and
/// every key may rotate itself, whatever its scopes, unless the service is set otherwise; not with the secret before.
/// A disabled key has no grace. While two secrets are good, a rotation is 409, unless it has `grace_seconds` 0, which ends
/// both of them, or `discard_newest`.
#[utoipa::path(
    post, path = "/v1/organizations/{orgID}/api-keys/{keyID}/rotate", impl_for = Operation, operation_id = "rotateApiKey", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organization.", example = "org_01h455vb4pex5vsknk084sn02q"),
        ("keyID" = String, Path, description = "The id of the key; `self` for the calling key.", example = "key_01h455vb4pex5vsknk084sn02q"),
    ),
    request_body(content = RotateApiKeyRequest, description = "How; may be left out.", content_type = "application/json"),
    responses(
        (status = 200, description = "The key and its new secret.", body = CreatedApiKey<'_>),
        RotationErrors,
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn rotate_api_key(mut call: Call) -> Result<HttpResponse, ApiError> {
    let permit = call.permit_for_own().await?;
    let body = call.optional_body().await?;
    let request = body.map_or(Ok(RotateKeyRequest::default()), |body| rotation(&body))?;
    let rotated = call.management()?.rotate_key(&permit, request, &call.exchange.context).await?;
    answer::json(StatusCode::OK, &CreatedApiKey::new(&rotated, call.exchange.environment().now()))
}
