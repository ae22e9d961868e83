//! What callers are answered: the wire contract's objects over the domain's.
//!
//! The order of the fields is the contract's. What is optional is left out, never `null`.

mod api_key;
pub(crate) mod errors;
mod health;
mod identity;
mod organization;
mod revoked;
mod shown;
mod status;
mod stream;
mod verification;
mod viewer;

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
pub(crate) use api_key::ApiKeyList;
pub use api_key::{ApiKeyEnvelope, ApiKeyView, CreatedApiKey, RevokedApiKey};
pub(crate) use health::Health;
pub(crate) use identity::{GatewayData, let_through};
pub(crate) use organization::OrganizationEnvelope;
pub use organization::OrganizationView;
pub use revoked::RevokedApiKeys;
use serde::Serialize;
pub(crate) use shown::ScopeName;
pub(crate) use status::StatusView;
pub(crate) use stream::key_list;
use utoipa::ToSchema;
pub(crate) use verification::{VerificationView, VerificationsView};
pub(crate) use viewer::ViewerResponse;

use crate::error::ApiError;

/// Every answer that is not a success.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorResponse {
    /// What is wrong, in one sentence for people. Programs go by the status.
    error: String,
}

/// Of most answers the body fits in so many bytes.
const USUAL_BYTES: usize = 512;

/// What a body is sent as.
const JSON: (HeaderName, HeaderValue) = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));

/// An answer with a JSON body.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Result<HttpResponse, ApiError> {
    let mut text = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut text, body).map_err(|_| ApiError::Internal)?;
    Ok(HttpResponse::build(status).insert_header(JSON).body(text))
}
