//! Metrics, for Prometheus.

use std::{fmt, sync::Arc};

use capykeys_cache::VerificationCache;
use capykeys_clerk::ClerkVerifier;
use capykeys_http::Metrics;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text},
    metrics::{
        MetricType,
        counter::ConstCounter,
        gauge::{ConstGauge, Gauge},
    },
    registry::{Registry, Unit},
};

/// Everything that is counted.
pub(crate) fn metrics(
    sessions: Option<Arc<ClerkVerifier>>,
    cache: VerificationCache,
    missing_peppers: Gauge,
) -> Metrics {
    let mut registry = Registry::with_prefix("capykeys");
    registry.register_collector(Box::new(Refusals(sessions)));
    registry.register_collector(Box::new(Cache(cache)));
    let help = "Active keys whose pepper is not configured: they are refused";
    registry.register("keys_of_missing_peppers", help, missing_peppers);
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

/// What is remembered of keys, and for how long it may still be used.
struct Cache(VerificationCache);

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cache")
    }
}

impl Collector for Cache {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let status = self.0.status();
        let lease = status.lease_remaining.unwrap_or_default();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        for (name, help, value) in [
            ("cache_keys", "Keys that are remembered", count(status.keys)),
            ("cache_absent_keys", "Made-up keys that are remembered", count(status.absent)),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        let help = "For how long what is remembered may be used";
        let seconds =
            encoder.encode_descriptor("cache_lease", help, Some(&Unit::Seconds), MetricType::Gauge)?;
        ConstGauge::new(lease.as_secs_f64()).encode(seconds)?;
        let help = "Lookups of keys, by where they were answered from";
        let mut family = encoder.encode_descriptor("key_lookups", help, None, MetricType::Counter)?;
        for (source, value) in [("cache", status.hits), ("store", status.reads)] {
            ConstCounter::new(value).encode(family.encode_family(&[("source", source)])?)?;
        }
        Ok(())
    }
}
