//! `DELETE /v1/organizations/{orgID}/api-keys/{keyID}`.

use actix_web::{HttpResponse, http::StatusCode};
use capykeys_domain::model::Invalid;

use crate::{
    answer::{self, RevokedApiKey, errors::OrganizationErrors},
    error::ApiError,
    request::{call::Call, parameters::Parameters},
};

pub(crate) struct Operation;

/// Revoke an API key
///
/// Revoking a key again changes nothing. Every key may revoke itself, whatever its scopes. Keys that were made with it are left
/// alone, unless `descendants` is true: then they are revoked with it, and those that were made with them, by whoever may revoke any
/// key of the organization. One call revokes 1,000 at most, the oldest first; where `more` is true, the same call goes on.
#[utoipa::path(
    delete, path = "/v1/organizations/{orgID}/api-keys/{keyID}", impl_for = Operation, operation_id = "revokeApiKey", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organization.", example = "org_01h455vb4pex5vsknk084sn02q"),
        ("keyID" = String, Path, description = "The id of the key.", example = "key_01h455vb4pex5vsknk084sn02q"),
        ("descendants" = Option<bool>, Query, description = "Whether keys that were made with it are revoked with it. Empty, it counts as left out.", nullable = false),
    ),
    responses(
        (status = 200, description = "The key is revoked.", body = RevokedApiKey, example = json!({"revoked": true})),
        OrganizationErrors,
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn revoke_api_key(call: Call) -> Result<HttpResponse, ApiError> {
    let parameters = Parameters::parse(call.request.query_string());
    let descendants = parameters.and_then(|parameters| parameters.one("descendants", parse_flag));
    if let Ok(Some(true)) = descendants {
        let permit = call.permit().await?;
        let revoked = call.management()?.revoke_lineage(&permit, &call.exchange.context).await?;
        return answer::json(StatusCode::OK, &RevokedApiKey::from(revoked));
    }
    let permit = call.permit().await?;
    // Nothing is revoked where it is not clear what else was to be.
    descendants?;
    // Whether it was this call or an earlier one is the same to the caller.
    let _ = call.management()?.revoke_key(&permit, &call.exchange.context).await?;
    answer::json(StatusCode::OK, &RevokedApiKey::alone())
}

fn parse_flag(text: &str) -> Result<bool, Invalid> {
    text.parse().map_err(|_| Invalid::new("descendants", "must be true or false"))
}
