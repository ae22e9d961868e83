//! `POST /v1/organizations/{orgID}/api-keys/{keyID}/rotate/finish`.

use actix_web::HttpResponse;

use crate::{
    answer::{ApiKeyEnvelope, errors::ChangeErrors},
    error::ApiError,
    request::call::Call,
};

pub(crate) struct Operation;

/// End the previous secret of an API key
///
/// The secret before a rotation is refused from now on, and the answer comes when no server accepts it any more. Where it
/// has ended, or there is none, nothing changes. Every key may do this to itself, whatever its scopes.
#[utoipa::path(
    post, path = "/v1/organizations/{orgID}/api-keys/{keyID}/rotate/finish", impl_for = Operation, operation_id = "finishApiKeyRotation", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organization.", example = "org_01h455vb4pex5vsknk084sn02q"),
        ("keyID" = String, Path, description = "The id of the key; `self` for the calling key.", example = "key_01h455vb4pex5vsknk084sn02q"),
    ),
    responses(
        (status = 200, description = "The previous secret is good no more.", body = ApiKeyEnvelope<'_>, headers(
            ("ETag" = String, description = "Changes with the key, but not with `last_used_at`."),
        )),
        ChangeErrors,
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn finish_rotation(call: Call) -> Result<HttpResponse, ApiError> {
    let permit = call.permit_for_own().await?;
    let key = call.management()?.finish_rotation(&permit, &call.exchange.context).await?;
    ApiKeyEnvelope::new(&key, call.exchange.environment().now()).answer()
}
