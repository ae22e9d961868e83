//! `POST /v1/organizations/{orgID}/api-keys`.

use actix_web::{HttpResponse, http::StatusCode};

use crate::{
    answer::{self, CreatedApiKey, errors::CreationErrors},
    error::ApiError,
    request::{
        call::Call,
        create_key::{CreateApiKeyRequest, key_spec},
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
#[utoipa::path(
    post, path = "/v1/organizations/{orgID}/api-keys", impl_for = Operation, operation_id = "createApiKey", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organization.", example = "org_01h455vb4pex5vsknk084sn02q"),
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
    let body = call.body().await?;
    let environment = call.exchange.environment();
    let (spec, secret) = key_spec(&body, environment.format(), environment.scopes(), environment.now())?;
    let (management, context) = (call.management()?, &call.exchange.context);
    if let Some(secret) = secret {
        let key = management.bring_key(&permit, &spec, &secret, call.exchange.verdicts(), context).await?;
        return answer::json(StatusCode::CREATED, &CreatedApiKey::brought(&key, environment.now()));
    }
    let created = management.create_key(&permit, spec, context).await?;
    answer::json(StatusCode::CREATED, &CreatedApiKey::new(&created, environment.now()))
}
