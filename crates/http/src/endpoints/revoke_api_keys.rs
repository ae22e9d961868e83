//! `POST /v1/organizations/{orgID}/api-keys/revoke`.

use actix_web::{HttpResponse, http::StatusCode};

use crate::{
    answer::{self, RevokedApiKeys, errors::OrganizationErrors},
    error::ApiError,
    request::{
        call::Call,
        revoke_keys::{Revocations, RevokeApiKeysRequest},
    },
};

pub(crate) struct Operation;

/// Revoke many API keys
///
/// Those that are named, or those that are like this: all of them or none, and the answer comes when no server accepts
/// any of them any more. One call revokes 1,000 at most; where `more` is true, the same call goes on. Keys that are revoked
/// already are left as they are. With `dry_run` the answer is the same, and nothing is changed.
#[utoipa::path(
    post, path = "/v1/organizations/{orgID}/api-keys/revoke", impl_for = Operation, operation_id = "revokeApiKeys", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organization.", example = "org_01h455vb4pex5vsknk084sn02q"),
    ),
    request_body(content = RevokeApiKeysRequest, description = "Which keys. At most 64 KiB.", content_type = "application/json"),
    responses(
        (status = 200, description = "The keys are revoked, or would be.", body = RevokedApiKeys<'_>),
        OrganizationErrors,
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn revoke_api_keys(mut call: Call) -> Result<HttpResponse, ApiError> {
    let permit = call.permit().await?;
    let body = call.body().await?;
    let permit = call.permit_again(permit).await?;
    let environment = call.exchange.environment();
    let Revocations { chosen, dry_run } = Revocations::parse(&body, environment.format(), environment.now())?;
    let management = call.management()?;
    let revoked = if dry_run {
        management.would_revoke(&permit, &call.permit().await?, chosen).await?
    } else {
        management.revoke_keys(&permit, chosen, &call.exchange.context).await?
    };
    answer::json(StatusCode::OK, &RevokedApiKeys::new(&revoked, dry_run, environment.now()))
}
