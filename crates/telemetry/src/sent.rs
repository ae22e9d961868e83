//! Counting what could not be sent.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::LogBatch,
    metrics::{Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
    trace::SpanData,
};

/// An exporter that counts what it could not send, and says so once.
pub(crate) struct Counted<E> {
    exporter: E,
    signal: &'static str,
    failing: AtomicBool,
}

/// Counts so many spans, lines of the log, or collections of metrics, as dropped.
pub(crate) fn count(signal: &'static str, dropped: usize) {
    let counter = global::meter("capykeys")
        .u64_counter("capykeys.telemetry.dropped")
        .with_description("Spans, lines of the log, and collections of metrics, that could not be sent")
        .build();
    counter.add(u64::try_from(dropped).unwrap_or(u64::MAX), &[KeyValue::new("signal", signal)]);
}

impl<E> Counted<E> {
    pub(crate) const fn new(exporter: E, signal: &'static str) -> Self {
        Self { exporter, signal, failing: AtomicBool::new(false) }
    }

    fn note(&self, sent: OTelSdkResult, dropped: usize) -> OTelSdkResult {
        let signal = self.signal;
        if sent.is_err() {
            count(signal, dropped);
        }
        let failed_before = self.failing.swap(sent.is_err(), Ordering::Relaxed);
        match &sent {
            Err(error) if !failed_before => {
                tracing::warn!(signal, %error, "telemetry cannot be sent: it is dropped and counted");
            }
            Ok(()) if failed_before => tracing::info!(signal, "telemetry is sent again"),
            _ => {}
        }
        sent
    }
}

impl<E> fmt::Debug for Counted<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}

impl opentelemetry_sdk::trace::SpanExporter for Counted<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        self.note(self.exporter.export(batch).await, count)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl opentelemetry_sdk::logs::LogExporter for Counted<LogExporter> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let count = batch.iter().count();
        self.note(self.exporter.export(batch).await, count)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl PushMetricExporter for Counted<MetricExporter> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.note(self.exporter.export(metrics).await, 1)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
