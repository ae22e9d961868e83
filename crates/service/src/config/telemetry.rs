//! Traces and metrics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{ConfigError, rule::broken};

/// What is traced and sent, besides what the standard variables of OpenTelemetry say.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Telemetry {
    /// Where traces and metrics are sent (OTLP); nowhere unless it is set.
    #[schemars(example = &"http://collector:4318")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) otlp_endpoint: Option<Url>,
    /// How many of the traces that begin here are recorded, from none (0) to all (1).
    pub(crate) sample_ratio: f64,
}

impl Telemetry {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            return Err(broken("telemetry.sample_ratio", "must be a number from 0 to 1"));
        }
        if self.otlp_endpoint.as_ref().is_some_and(|url| !matches!(url.scheme(), "http" | "https")) {
            return Err(broken("telemetry.otlp_endpoint", "must be an http or https URL"));
        }
        Ok(())
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp_endpoint: None, sample_ratio: 0.01 }
    }
}
