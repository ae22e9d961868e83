//! Metrics, for Prometheus.

use std::{fmt, sync::Arc};

use capykeys_clerk::ClerkVerifier;
use capykeys_http::Metrics;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text},
    metrics::{MetricType, counter::ConstCounter},
    registry::Registry,
};

/// Everything that is counted.
pub(crate) fn metrics(sessions: Option<Arc<ClerkVerifier>>) -> Metrics {
    let mut registry = Registry::with_prefix("capykeys");
    registry.register_collector(Box::new(Refusals(sessions)));
    Arc::new(move || {
        let mut text = String::new();
        text::encode(&mut text, &registry).ok()?;
        Some(text)
    })
}

/// Session tokens that were refused, for each reason that there is: a closed set.
struct Refusals(Option<Arc<ClerkVerifier>>);

impl fmt::Debug for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refusals")
    }
}

impl Collector for Refusals {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Session tokens that were refused";
        let mut family = encoder.encode_descriptor("session_refusals", help, None, MetricType::Counter)?;
        for (refusal, count) in self.0.iter().flat_map(|verifier| verifier.refusals()) {
            let labels = [("reason", refusal.as_str())];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
