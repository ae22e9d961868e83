//! Traces and metrics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    ConfigError,
    rule::{self, broken},
};

/// What is traced and sent, besides what the standard variables of OpenTelemetry say.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Telemetry {
    /// Where traces and metrics are sent (OTLP); nowhere unless it is set.
    #[schemars(example = &"http://collector:4318")]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rule::serialize_shown")]
    pub(crate) otlp_endpoint: Option<Url>,
    /// How many of the traces that begin here are recorded, from none (0) to all (1).
    pub(crate) sample_ratio: f64,
    /// Whether callers of the API say whether their requests are traced, as callers of the internal listeners do.
    /// Strangers could have all of theirs traced, or none.
    pub(crate) trust_public_sampling: bool,
}

impl Telemetry {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            return Err(broken("telemetry.sample_ratio", "must be a number from 0 to 1"));
        }
        // Credentials belong into `OTEL_EXPORTER_OTLP_HEADERS`.
        let is_usable = |url: &Url| matches!(url.scheme(), "http" | "https") && rule::is_plain(url);
        if !self.otlp_endpoint.as_ref().is_none_or(is_usable) {
            let rule = "must be an http or https URL without user name, password, query and fragment";
            return Err(broken("telemetry.otlp_endpoint", rule));
        }
        Ok(())
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp_endpoint: None, sample_ratio: 0.01, trust_public_sampling: false }
    }
}
