//! `POST /v1/organizations/{orgID}/api-keys/{keyID}/disable`.

use actix_web::HttpResponse;

use crate::{
    answer::{ApiKeyEnvelope, errors::ChangeErrors},
    error::ApiError,
    request::{
        call::Call,
        disable_key::{DisableApiKeyRequest, reason},
    },
};

pub(crate) struct Operation;

/// Disable an API key
///
/// It is refused until it is enabled again, and the answer comes when no server accepts it any more. Disabling it again
/// changes nothing, the reason neither. Every key may disable itself, whatever its scopes.
#[utoipa::path(
    post, path = "/v1/organizations/{orgID}/api-keys/{keyID}/disable", impl_for = Operation, operation_id = "disableApiKey", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organization.", example = "org_01h455vb4pex5vsknk084sn02q"),
        ("keyID" = String, Path, description = "The id of the key.", example = "key_01h455vb4pex5vsknk084sn02q"),
    ),
    request_body(content = DisableApiKeyRequest, description = "Why; may be left out.", content_type = "application/json"),
    responses(
        (status = 200, description = "The key is disabled.", body = ApiKeyEnvelope<'_>, headers(
            ("ETag" = String, description = "Changes with the key, but not with `last_used_at`."),
        )),
        ChangeErrors,
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn disable_api_key(mut call: Call) -> Result<HttpResponse, ApiError> {
    let permit = call.permit().await?;
    let body = call.optional_body().await?;
    let permit = call.permit_again(permit).await?;
    let environment = call.exchange.environment();
    let reason = body.map_or(Ok(None), |body| reason(&body, environment.format()))?;
    let key = call.management()?.disable_key(&permit, reason, &call.exchange.context).await?;
    ApiKeyEnvelope::new(&key, environment.now()).answer()
}
