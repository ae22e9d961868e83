//! `DELETE /v1/organizations/{orgID}/api-keys/{keyID}`.

use actix_web::{HttpResponse, http::StatusCode};

use crate::{
    answer::{self, RevokedApiKey, errors::OrganizationErrors},
    error::ApiError,
    request::call::Call,
};

pub(crate) struct Operation;

/// Revoke an API key
///
/// Revoking a key again changes nothing. Keys that it created are left alone. Every key may revoke
/// itself, whatever its scopes.
#[utoipa::path(
    delete, path = "/v1/organizations/{orgID}/api-keys/{keyID}", impl_for = Operation, operation_id = "revokeApiKey", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organization.", example = "org_01h455vb4pex5vsknk084sn02q"),
        ("keyID" = String, Path, description = "The id of the key.", example = "key_01h455vb4pex5vsknk084sn02q"),
    ),
    responses(
        (status = 200, description = "The key is revoked.", body = RevokedApiKey, example = json!({"revoked": true})),
        OrganizationErrors,
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn revoke_api_key(call: Call) -> Result<HttpResponse, ApiError> {
    let permit = call.permit().await?;
    // Whether it was this call or an earlier one is the same to the caller.
    let _ = call.management()?.revoke_key(&permit, &call.exchange.context).await?;
    answer::json(StatusCode::OK, &RevokedApiKey { revoked: true })
}
