//! `POST /v1/api-keys/verify`, on the internal listener.

use actix_web::{HttpResponse, http::StatusCode};
use capykeys_gateway::verify;

use crate::{
    answer::{self, VerificationView, errors::ClusterErrors},
    cluster::{self, TokenHeader},
    error::{ApiError, Reason},
    request::{
        call::Call,
        verification::{KeyCheck, VerifyApiKeyRequest},
    },
};

pub(crate) struct Operation;

/// Verify an API key
///
/// On the internal listener alone. Whether the key is good or not, the status is 200.
#[utoipa::path(
    post, path = "/v1/api-keys/verify", impl_for = Operation, operation_id = "verifyApiKey", tag = "verification",
    request_body(content = VerifyApiKeyRequest, description = "The key, and what it has to be good for.", content_type = "application/json"),
    responses(
        (status = 200, description = "The verdict.", body = VerificationView<'_>),
        ClusterErrors,
    ),
    security((), ("clusterToken" = [])),
)]
pub(crate) async fn verify_api_key(mut call: Call) -> Result<HttpResponse, ApiError> {
    cluster::prove(&call, TokenHeader::Authorization).await?;
    let body = call.body().await?;
    let environment = call.exchange.environment();
    let KeyCheck { key, requirement, keep } =
        KeyCheck::parse(&body, call.exchange.verdicts().texts(), environment.scopes())?;
    let verification = verify(call.exchange.verdicts(), key.as_ref(), &requirement, keep).await?;
    let view = VerificationView::new(&verification, environment.now());
    let mut answer = answer::json(StatusCode::OK, &view)?;
    if let Err(rejection) = verification.verdict {
        answer.extensions_mut().insert(Reason(rejection.as_str().into()));
    }
    Ok(answer)
}
