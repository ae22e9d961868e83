//! From the spans of `tracing` to traces, and from its events to logs.

use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::{logs::SdkLoggerProvider, trace::SdkTracer};
use tracing::{Metadata, Subscriber, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::{
    Layer,
    filter::{dynamic_filter_fn, filter_fn},
    registry::LookupSpan,
};

use crate::Sampling;

/// The target of the spans that are traced, at level `TRACE`. No others are, so nothing that the libraries
/// say of themselves is, and nothing that exports.
pub const TARGET: &str = "capykeys::trace";

fn is_traced(metadata: &Metadata<'_>) -> bool {
    metadata.target() == TARGET
}

/// Traces what begins a trace by the sampling, and all that is part of it.
pub(crate) fn layer<S>(tracer: SdkTracer, sampling: Sampling) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let filter = dynamic_filter_fn(move |metadata, context| {
        is_traced(metadata) && (context.lookup_current().is_some() || sampling.begins(metadata.name()))
    });
    let filter = filter
        .with_callsite_filter(|one| if is_traced(one) { Interest::sometimes() } else { Interest::never() })
        .with_max_level_hint(LevelFilter::TRACE);
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_target(false)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(filter)
}

/// Sends what this service says, but nothing that the libraries say of themselves, and nothing that is said of sending:
/// each export would bring forth the next.
pub(crate) fn logs<S>(provider: &SdkLoggerProvider) -> impl Layer<S> + Send + Sync + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let is_sent =
        |target: &str| target.starts_with("capykeys") && !target.starts_with(env!("CARGO_CRATE_NAME"));
    OpenTelemetryTracingBridge::new(provider).with_filter(filter_fn(move |line| is_sent(line.target())))
}
