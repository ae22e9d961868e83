//! `PATCH /v1/organizations/{orgID}/api-keys/{keyID}`.

use actix_web::HttpResponse;

use crate::{
    answer::{ApiKeyEnvelope, errors::UpdateErrors},
    error::ApiError,
    request::{
        call::Call,
        precondition::Expected,
        update_key::{UpdateApiKeyRequest, key_edit},
    },
};

pub(crate) struct Operation;

/// Change an API key
///
/// What is not given stays. Fewer scopes and an earlier end can be set by whoever may revoke the key; more of either by
/// whoever could create it as it will be, and names by whoever may create keys. The answer comes when no server lets the key do what it may do no more; its names
/// in a verdict may be those from before for as long as a server remembers it.
#[utoipa::path(
    patch, path = "/v1/organizations/{orgID}/api-keys/{keyID}", impl_for = Operation, operation_id = "updateApiKey", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organization.", example = "org_01h455vb4pex5vsknk084sn02q"),
        ("keyID" = String, Path, description = "The id of the key.", example = "key_01h455vb4pex5vsknk084sn02q"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of an answer before: where the key is another by now, nothing is changed and the answer is 412.", pattern = r#"^(\*|(W/)?"[0-9a-f]*"(, (W/)?"[0-9a-f]*")*)$"#, nullable = false),
    ),
    request_body(content = UpdateApiKeyRequest, description = "What is to be changed. At most 64 KiB.", content_type = "application/json"),
    responses(
        (status = 200, description = "The key as it is now.", body = ApiKeyEnvelope<'_>, headers(
            ("ETag" = String, description = "Changes with the key, but not with `last_used_at`."),
        )),
        UpdateErrors,
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn update_api_key(mut call: Call) -> Result<HttpResponse, ApiError> {
    let permit = call.permit().await?;
    let body = call.body().await?;
    let permit = call.permit_again(permit).await?;
    let environment = call.exchange.environment();
    let edit = key_edit(&body, environment.format(), environment.scopes(), environment.now())?;
    let expected = Expected::of(&call.request)?;
    let is_expected = |key: &_, now| expected.admits(|| ApiKeyEnvelope::new(key, now).tag());
    let key = call.management()?.update_key(&permit, &edit, is_expected, &call.exchange.context).await?;
    ApiKeyEnvelope::new(&key, environment.now()).answer()
}
