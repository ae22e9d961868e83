//! `POST /v1/organizations/{orgID}/api-keys`.

use actix_web::{HttpResponse, http::StatusCode};

use crate::{
    answer::{self, CreatedApiKey, errors::CreationErrors},
    error::ApiError,
    request::{
        call::Call,
        create_key::{CreateApiKeyRequest, key_spec},
        idempotency::idempotency_key,
    },
};

pub(crate) struct Operation;

/// Create an API key
///
/// The answer holds the secret, which is shown this once. A key never hands on more than it has
/// itself: neither scopes nor life. Created with an API key that expires, a key without `expires_at`
/// expires when that one does: look at the answer's `expires_at`.
///
/// With `key_digest` the secret is the caller's own, and stays with it: when this is answered, every server takes it.
/// Sent again it is 409.
///
/// With an `Idempotency-Key`, the request can be sent again where its answer was lost: for 24 hours, the same caller is
/// answered the same, with the same secret. Without one, each request makes a key.
#[utoipa::path(
    post, path = "/v1/organizations/{orgID}/api-keys", impl_for = Operation, operation_id = "createApiKey", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organization.", example = "org_01h455vb4pex5vsknk084sn02q"),
        ("Idempotency-Key" = Option<String>, Header, description = "What the client calls this request, a random UUID best: a string in quotation marks (draft-ietf-httpapi-idempotency-key-header-07), or 1 to 255 visible characters without them.", pattern = r#"^("([\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+"|[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+)$"#, example = "\"8e03978e-40d5-43e8-bc93-6894a57f9324\"", nullable = false),
    ),
    request_body(content = CreateApiKeyRequest, description = "What the key is to be. At most 64 KiB.", content_type = "application/json"),
    responses(
        (status = 201, description = "The key and its secret.", body = CreatedApiKey<'_>, links(
            ("revokeApiKey" = (
                operation_id = "revokeApiKey", description = "Revokes the key.",
                parameters(("orgID" = "$request.path.orgID"), ("keyID" = "$response.body#/api_key/id")),
            )),
        )),
        CreationErrors,
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn create_api_key(mut call: Call) -> Result<HttpResponse, ApiError> {
    let permit = call.permit().await?;
    let name = idempotency_key(&call.request, call.exchange.environment().format())?;
    let body = call.body().await?;
    let environment = call.exchange.environment();
    let (spec, secret) = key_spec(&body, environment.format(), environment.scopes(), environment.now())?;
    let (management, context) = (call.management()?, &call.exchange.context);
    if let Some(secret) = secret {
        let key = management.bring_key(&permit, &spec, &secret, call.exchange.verdicts(), context).await?;
        return answer::json(StatusCode::CREATED, &CreatedApiKey::brought(&key, environment.now()));
    }
    let created = management.create_key_once(&permit, spec, name.as_ref(), context).await?;
    // As of then, so that a repeated answer is the same to the byte.
    answer::json(StatusCode::CREATED, &CreatedApiKey::new(&created, created.key.created_at))
}
