//! `DELETE /v1/organizations/{orgID}/api-keys/{keyID}`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};

use crate::{
    answer::{self, RevokeApiKeyResponse},
    error::ApiError,
    exchange::Current,
    openapi::responses::{
        BadRequest, Forbidden, HeadersTooLarge, InternalError, MethodNotAllowed, NotFound, PayloadTooLarge,
        RequestTimeout, ServiceUnavailable, TooManyRequests, Unauthorized, UnsupportedMediaType,
    },
    request::caller::{authenticate, key, organization},
};

/// Revoke an API key
///
/// Revoking a key again changes nothing. Keys that it created are left alone.
#[utoipa::path(
    delete, path = super::API_KEY, operation_id = "revokeApiKey", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organisation.", example = "org_01h455vb4pex5vsknk084sn02q"),
        ("keyID" = String, Path, description = "The id of the key.", example = "key_01h455vb4pex5vsknk084sn02q"),
    ),
    responses(
        (status = 200, description = "The key is revoked.", body = RevokeApiKeyResponse, example = json!({"revoked": true})),
        (status = 400, response = BadRequest),
        (status = 401, response = Unauthorized),
        (status = 403, response = Forbidden),
        (status = 404, response = NotFound),
        (status = 405, response = MethodNotAllowed),
        (status = 408, response = RequestTimeout),
        (status = 413, response = PayloadTooLarge),
        (status = 415, response = UnsupportedMediaType),
        (status = 429, response = TooManyRequests),
        (status = 431, response = HeadersTooLarge),
        (status = 500, response = InternalError),
        (status = 503, response = ServiceUnavailable),
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn revoke_api_key(
    exchange: Current,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let caller = authenticate(&exchange, &request).await?;
    let (app, context) = (exchange.app(), &exchange.context);
    let permit = app.permit_revoke_key(&caller, organization(&request), key(&request), context).await?;
    // Whether it was this call or an earlier one is the same to the caller.
    let _ = app.revoke_key(&permit, context).await?;
    answer::json(StatusCode::OK, &RevokeApiKeyResponse { revoked: true })
}
