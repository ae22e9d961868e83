//! `GET /metrics`, on the internal listener.

use actix_web::{HttpResponse, http::header, web::Data};

use crate::error::ApiError;

/// What Prometheus asks for since version 2.5.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics, in the [OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/) text
/// format. Not in the OpenAPI document, which is for callers of the API.
pub(crate) async fn get_metrics(
    metrics: Data<dyn Fn() -> Option<String> + Send + Sync>,
) -> Result<HttpResponse, ApiError> {
    let text = metrics().ok_or(ApiError::Internal)?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, OPEN_METRICS)).body(text))
}
