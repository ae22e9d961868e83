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

/// Traces what begins a trace by the sampling, and all that is part of it, but for what has a field called as one of
/// those that are `hidden`.
pub(crate) fn layer<S>(
    tracer: SdkTracer,
    sampling: Sampling,
    hidden: &'static [&'static str],
) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let is_shown = move |one: &Metadata<'_>| !one.fields().iter().any(|field| hidden.contains(&field.name()));
    // The fields come last: they are looked at where a span is built, which costs far more.
    let filter = dynamic_filter_fn(move |metadata, context| {
        is_traced(metadata)
            && (context.lookup_current().is_some() || sampling.begins(metadata.name()))
            && is_shown(metadata)
    });
    let is_wanted = move |one: &Metadata<'_>| is_traced(one) && is_shown(one);
    let filter = filter
        .with_callsite_filter(
            move |one| if is_wanted(one) { Interest::sometimes() } else { Interest::never() },
        )
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

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing::trace_span;
    use tracing_subscriber::prelude::*;

    use super::*;

    #[test]
    fn a_span_with_a_secret_in_it_is_not_traced() {
        let provider = SdkTracerProvider::builder().build();
        let traces = layer(provider.tracer("test"), Sampling::named("always_on", 1.0).unwrap(), &["api_key"]);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(traces), || {
            let request = trace_span!(target: TARGET, "request", key_id = "key_1").entered();
            assert!(!request.is_disabled());
            assert!(trace_span!(target: TARGET, "creation", api_key = "planted").is_disabled());
            assert!(!trace_span!(target: TARGET, "creation").is_disabled());
        });
    }
}
