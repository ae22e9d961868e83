//! How callers of the internal listener prove that they belong to the cluster.

use std::{str, sync::Arc};

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use capykeys_domain::{
    ports::{BearerTokenError, ClusterCallers},
    secret::{BearerToken, Credential, KeyFormat},
};
use capykeys_gateway::{Presented, only_value};

use crate::{error::ApiError, request::call::Call};

const CLUSTER_TOKEN: HeaderName = HeaderName::from_static("x-capy-cluster-token");

/// What the endpoints of the internal listener ask of their callers. Metrics and health ask nothing.
#[derive(Clone)]
pub enum ClusterAuthentication {
    /// Nothing: whoever reaches the listener is trusted, because it is on loopback or because TLS
    /// has asked for a certificate.
    Trusted,
    /// A token of the cluster.
    Token(Arc<dyn ClusterCallers>),
}

/// Where the token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenHeader {
    /// `Authorization: Bearer`.
    Authorization,
    /// `X-Capy-Cluster-Token`, which holds nothing but the token: for endpoints where
    /// `Authorization` is that of the request which is asked about.
    ClusterToken,
}

/// Has the caller prove itself as the listener is set up to ask.
///
/// # Errors
/// 400 where the header is there twice, 401 where there is no token or it is not good, 503 where
/// that cannot be known right now.
pub(crate) async fn prove(call: &Call, header: TokenHeader) -> Result<(), ApiError> {
    // Absent only where an endpoint is served on a listener that it is not for.
    let callers = match call.request.app_data::<ClusterAuthentication>().ok_or(ApiError::Internal)? {
        ClusterAuthentication::Trusted => return Ok(()),
        ClusterAuthentication::Token(callers) => callers,
    };
    let token = token(call.exchange.environment().format(), call.request.headers(), header)?;
    let caller = callers.verify_workload(&token).await.map_err(unproven)?;
    call.exchange.prove(caller.subject);
    Ok(())
}

fn token(format: &KeyFormat, headers: &HeaderMap, header: TokenHeader) -> Result<BearerToken, ApiError> {
    let refused = |reason| ApiError::Unproven { token_given: true, reason };
    let values = |name: &HeaderName| headers.get_all(name).map(HeaderValue::as_bytes);
    let presented = match header {
        TokenHeader::Authorization => {
            let repeated = "`Authorization` must be given only once.";
            only_value(values(&header::AUTHORIZATION), repeated)?.and_then(Presented::of_authorization)
        }
        TokenHeader::ClusterToken => {
            let repeated = "`X-Capy-Cluster-Token` must be given only once.";
            only_value(values(&CLUSTER_TOKEN), repeated)?.map(Presented::Bearer)
        }
    };
    let token = match presented {
        None => return Err(ApiError::Unproven { token_given: false, reason: "no cluster token" }),
        Some(Presented::Bearer(token)) => token,
        Some(_) => return Err(refused("not a bearer token")),
    };
    match str::from_utf8(token).ok().and_then(|token| Credential::parse(format, token)) {
        Some(Credential::Session(token)) => Ok(token),
        _ => Err(refused("malformed cluster token")),
    }
}

/// Not `From`: of a session's token the same error is [`ApiError::Unauthenticated`].
fn unproven(error: BearerTokenError) -> ApiError {
    match error {
        BearerTokenError::Refused(reason) => ApiError::Unproven { token_given: true, reason },
        BearerTokenError::Unavailable(unavailable) => ApiError::Unavailable(unavailable),
    }
}
