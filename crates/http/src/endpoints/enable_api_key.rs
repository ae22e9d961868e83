//! `POST /v1/organizations/{orgID}/api-keys/{keyID}/enable`.

use actix_web::HttpResponse;

use crate::{
    answer::{ApiKeyEnvelope, errors::ChangeErrors},
    error::ApiError,
    request::call::Call,
};

pub(crate) struct Operation;

/// Enable an API key
///
/// It is good again, for whoever could create it so. Enabling it again changes nothing.
#[utoipa::path(
    post, path = "/v1/organizations/{orgID}/api-keys/{keyID}/enable", impl_for = Operation, operation_id = "enableApiKey", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organization.", example = "org_01h455vb4pex5vsknk084sn02q"),
        ("keyID" = String, Path, description = "The id of the key.", example = "key_01h455vb4pex5vsknk084sn02q"),
    ),
    responses(
        (status = 200, description = "The key is not disabled.", body = ApiKeyEnvelope<'_>, headers(
            ("ETag" = String, description = "Changes with the key, but not with `last_used_at`."),
        )),
        ChangeErrors,
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn enable_api_key(call: Call) -> Result<HttpResponse, ApiError> {
    let permit = call.permit().await?;
    let key = call.management()?.enable_key(&permit, &call.exchange.context).await?;
    ApiKeyEnvelope::new(&key, call.exchange.environment().now()).answer()
}
