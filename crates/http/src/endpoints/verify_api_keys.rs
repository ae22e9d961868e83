//! `POST /v1/api-keys/verify-batch`, on the internal listener.

use actix_web::{HttpResponse, http::StatusCode};
use capykeys_gateway::verify;
use futures_util::future::try_join_all;

use crate::{
    answer::{self, VerificationView, VerificationsView, errors::ClusterErrors},
    cluster::{self, TokenHeader},
    error::ApiError,
    request::{
        call::Call,
        verification::{KeyCheck, VerifyApiKeysRequest},
    },
};

pub(crate) struct Operation;

/// Verify up to 100 API keys
///
/// On the internal listener alone. Where one of the verdicts cannot be known, none is given.
#[utoipa::path(
    post, path = "/v1/api-keys/verify-batch", impl_for = Operation, operation_id = "verifyApiKeys", tag = "verification",
    request_body(content = VerifyApiKeysRequest, description = "The keys, each with what it has to be good for. At most 64 KiB.", content_type = "application/json"),
    responses(
        (status = 200, description = "The verdicts.", body = VerificationsView<'_>),
        ClusterErrors,
    ),
    security((), ("clusterToken" = [])),
)]
pub(crate) async fn verify_api_keys(mut call: Call) -> Result<HttpResponse, ApiError> {
    cluster::prove(&call, TokenHeader::Authorization).await?;
    let body = call.body().await?;
    let environment = call.exchange.environment();
    let verdicts = call.exchange.verdicts();
    let questions = KeyCheck::parse_batch(&body, verdicts.texts(), environment.scopes())?;
    let verifying = questions
        .iter()
        .map(|KeyCheck { key, requirement, keep }| verify(verdicts, key.as_ref(), requirement, *keep));
    let verifications = try_join_all(verifying).await?;
    let now = environment.now();
    let results = verifications.iter().map(|verification| VerificationView::new(verification, now)).collect();
    answer::json(StatusCode::OK, &VerificationsView { results })
}
