//! `GET /metrics`, on the internal listener.

use actix_web::{HttpResponse, http::header, web::Data};

use crate::error::ApiError;

/// What every Prometheus reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The metrics, in the [text format](https://prometheus.io/docs/instrumenting/exposition_formats/) of
/// Prometheus. Not in the OpenAPI document, which is for callers of the API.
pub(crate) async fn get_metrics(
    metrics: Data<dyn Fn() -> Option<String> + Send + Sync>,
) -> Result<HttpResponse, ApiError> {
    let text = metrics().ok_or(ApiError::Internal)?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, TEXT)).body(text))
}
