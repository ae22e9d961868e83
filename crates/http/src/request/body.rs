//! Receiving a JSON body.

use actix_web::{
    dev::Payload,
    http::header::{self, HeaderMap},
    web::{Bytes, BytesMut},
};
use futures_util::StreamExt;

use crate::{error::ApiError, exchange::Exchange};

/// The largest body, in bytes.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

/// Whether the request has a body (RFC 9112, section 6.3).
pub(crate) fn has_body(headers: &HeaderMap) -> bool {
    let announced = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    announced || headers.contains_key(header::TRANSFER_ENCODING)
}

/// The whole body. How long that may take is up to the time limit of the request, which is told
/// that it is waiting for the body.
///
/// # Errors
/// 415 where it is not sent as JSON, 413 where it is too large, 400 where it breaks off.
pub(super) async fn receive(
    exchange: &Exchange,
    headers: &HeaderMap,
    payload: Payload,
) -> Result<Bytes, ApiError> {
    if !is_json(headers) {
        return Err(ApiError::NotJson);
    }
    if announced_length(headers).is_some_and(|length| length > MAX_BYTES as u64) {
        return Err(ApiError::BodyTooLarge);
    }
    exchange.receiving.set(true);
    let body = collect(payload, length(headers)).await;
    exchange.receiving.set(false);
    exchange.received.set(body.is_ok());
    body
}

/// The body up to `length`, or to its end. The payload itself may go on behind the length: actix-http
/// takes all that follows for a stream where another protocol is offered.
async fn collect(mut payload: Payload, length: Option<usize>) -> Result<Bytes, ApiError> {
    const INCOMPLETE: ApiError = ApiError::invalid("The body is incomplete or malformed.");
    let mut body = BytesMut::new();
    while length.is_none_or(|length| body.len() < length) {
        let Some(chunk) = payload.next().await else { break };
        let chunk = chunk.map_err(|_| INCOMPLETE)?;
        let wanted = length.map_or(usize::MAX, |length| length - body.len());
        if body.is_empty() && length == Some(chunk.len()) {
            return Ok(chunk);
        }
        let chunk = &chunk[..chunk.len().min(wanted)];
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(ApiError::BodyTooLarge);
        }
        body.extend_from_slice(chunk);
    }
    if length.is_some_and(|length| body.len() < length) {
        return Err(INCOMPLETE);
    }
    Ok(body.freeze())
}

/// How long the body is (RFC 9112, section 6.3); `None` where its last chunk says where it ends.
fn length(headers: &HeaderMap) -> Option<usize> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    Some(announced_length(headers).and_then(|length| usize::try_from(length).ok()).unwrap_or(0))
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Whether the body is JSON by its own account: `application/json`, with any parameters, and not
/// compressed.
fn is_json(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("not ASCII"));
    let essence = text(header::CONTENT_TYPE).and_then(|value| value.split(';').next());
    let coding = text(header::CONTENT_ENCODING).unwrap_or("identity");
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
        && coding.trim().eq_ignore_ascii_case("identity")
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn typed(value: &'static str) -> HeaderMap {
        [(header::CONTENT_TYPE, HeaderValue::from_static(value))].into_iter().collect()
    }

    #[test]
    fn parameters_and_case_of_the_media_type_do_not_matter() {
        for value in ["application/json", "Application/JSON", "application/json; charset=utf-8"] {
            assert!(is_json(&typed(value)), "{value}");
        }
    }

    #[test]
    fn every_other_media_type_and_none_at_all_are_refused() {
        for value in ["", "text/plain", "application/jsonp", "application/problem+json", "json"] {
            assert!(!is_json(&typed(value)), "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn a_compressed_body_is_refused() {
        let mut headers = typed("application/json");
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(!is_json(&headers));
    }
}
