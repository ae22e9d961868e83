//! `GET /v1/organizations/{orgID}/api-keys/{keyID}`.

use actix_web::HttpResponse;

use crate::{
    answer::{ApiKeyEnvelope, errors::OrganizationErrors},
    error::ApiError,
    request::{call::Call, precondition::is_known},
};

pub(crate) struct Operation;

/// Get an API key
///
/// Whatever its state. Whoever may list the keys of the organization may see each of them.
#[utoipa::path(
    get, path = "/v1/organizations/{orgID}/api-keys/{keyID}", impl_for = Operation, operation_id = "getApiKey", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organization.", example = "org_01h455vb4pex5vsknk084sn02q"),
        ("keyID" = String, Path, description = "The id of the key.", example = "key_01h455vb4pex5vsknk084sn02q"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an answer before: where the key is still so, the answer is 304 and has no body.", nullable = false),
    ),
    responses(
        (status = 200, description = "The key.", body = ApiKeyEnvelope<'_>, headers(
            ("ETag" = String, description = "Changes with the key, but not with `last_used_at`."),
        )),
        (status = 304, description = "The key is as `If-None-Match` knows it; `last_used_at` may be later.", headers(
            ("ETag" = String, description = "As it was."),
        )),
        OrganizationErrors,
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn get_api_key(call: Call) -> Result<HttpResponse, ApiError> {
    let permit = call.permit().await?;
    let key = call.management()?.get_key(&permit).await?;
    let envelope = ApiKeyEnvelope::new(&key, call.exchange.environment().now());
    if is_known(&call.request, &envelope.tag()?) {
        return Ok(HttpResponse::NotModified().insert_header(envelope.tag()?).finish());
    }
    envelope.answer()
}
