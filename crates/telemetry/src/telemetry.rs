//! Starting and ending.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use opentelemetry::{KeyValue, global, trace::TracerProvider};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::{BatchLogProcessor, SdkLoggerProvider},
    metrics::{Instrument, InstrumentKind, PeriodicReader, SdkMeterProvider, Stream},
    propagation::TraceContextPropagator,
    trace::{BatchSpanProcessor, Sampler, SdkTracerProvider},
};
use prometheus::{Registry, TextEncoder};
use tokio::runtime::{Builder, Runtime};
use tracing::Subscriber;
use tracing_subscriber::{Layer, registry::LookupSpan};

use crate::{
    Sampling,
    exporter::{self, ExporterError},
    layer,
    sent::{self, Counted},
    settings::{Otlp, Protocol, Settings},
};

const METRICS: &str = "metrics";
const TRACES: &str = "traces";
const LOGS: &str = "logs";
/// Past so many series of a histogram the SDK folds all further ones into one. By itself it does so past 2,000, which
/// methods, routes and statuses of requests multiply to.
const MOST_SERIES: usize = 4_000;

/// What records and sends, until the end of the process.
pub struct Telemetry {
    registry: Registry,
    metrics: SdkMeterProvider,
    traces: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
    sampling: Sampling,
    sends: bool,
    /// Where gRPC does its work.
    runtime: Option<Runtime>,
}

impl Telemetry {
    /// Starts to record metrics, and what else the settings say. To be called once in a process, outside of
    /// asynchronous code, before anything is measured.
    ///
    /// # Errors
    /// [`ExporterError`] where what is set cannot be done. Whether somebody receives anything is not asked.
    pub fn start(settings: &Settings, version: &'static str) -> Result<Self, ExporterError> {
        let Settings { traces, metrics, logs, sampling, propagation } = settings;
        let receivers = || [traces, metrics, logs].into_iter().flatten();
        let needs_runtime = receivers().any(|receiver| receiver.protocol == Protocol::Grpc);
        let runtime = needs_runtime.then(runtime).transpose()?;
        let entered = runtime.as_ref().map(Runtime::enter);
        let (resource, registry) = (resource(version), Registry::new());
        let exported = metrics.is_some();
        let metrics = meters(&registry, metrics.as_ref(), resource.clone())?;
        let traces = traces.as_ref().map(|otlp| tracers(otlp, resource.clone())).transpose()?;
        let logs = logs.as_ref().map(|otlp| loggers(otlp, resource)).transpose()?;
        for (signal, exported) in [(METRICS, exported), (TRACES, traces.is_some()), (LOGS, logs.is_some())] {
            if exported {
                sent::count(signal, 0);
            }
        }
        drop(entered);
        if traces.is_some() && *propagation {
            global::set_text_map_propagator(TraceContextPropagator::new());
        }
        let (sampling, sends) = (sampling.clone(), receivers().next().is_some());
        Ok(Self { registry, metrics, traces, logs, sampling, sends, runtime })
    }

    /// Whether [`start`](Self::start) could do what is set. Not to be called in asynchronous code either.
    ///
    /// # Errors
    /// The same.
    pub fn check(settings: &Settings) -> Result<(), ExporterError> {
        let runtime = runtime()?;
        let _entered = runtime.enter();
        settings.traces.as_ref().map(exporter::spans).transpose()?;
        settings.metrics.as_ref().map(exporter::metrics).transpose()?;
        settings.logs.as_ref().map(exporter::logs).transpose()?;
        Ok(())
    }

    /// What makes traces of spans; `None` where none are sent. A span or event with a field called as one of those that
    /// are `hidden` is left out.
    pub fn layer<S>(&self, hidden: &'static [&'static str]) -> Option<impl Layer<S> + Send + Sync + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let tracer = self.traces.as_ref()?.tracer("capykeys");
        Some(layer::layer(tracer, self.sampling.clone(), hidden))
    }

    /// What sends the lines of the log; `None` where they are only written.
    pub fn log_layer<S>(&self) -> Option<impl Layer<S> + Send + Sync + use<S>>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        self.logs.as_ref().map(layer::logs)
    }

    /// A function that writes the metrics in the text format of Prometheus; `None` where it fails.
    pub fn text(&self) -> impl Fn() -> Option<String> + Send + Sync + use<> {
        let registry = self.registry.clone();
        move || TextEncoder::new().encode_to_string(&registry.gather()).ok()
    }

    /// Sends what is left, for `limit` at most, and ends; at once where that is zero. Nothing is recorded after it. It
    /// blocks: no worker may wait for it.
    pub fn end(self, limit: Duration) {
        let Self { metrics, traces, logs, runtime, sends, .. } = self;
        if sends && !limit.is_zero() {
            let metrics = end(move || metrics.shutdown_with_timeout(limit));
            let traces = traces.map(|traces| end(move || traces.shutdown_with_timeout(limit)));
            let logs = logs.map(|logs| end(move || logs.shutdown_with_timeout(limit)));
            // The providers have limits of their own, which do not all hold.
            let latest = Instant::now() + limit;
            let is_late = |ended: mpsc::Receiver<()>| {
                ended.recv_timeout(latest.saturating_duration_since(Instant::now())).is_err()
            };
            if [Some(metrics), traces, logs].into_iter().flatten().any(is_late) {
                tracing::warn!("the last telemetry could not be sent in time");
            }
        }
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }
}

/// Ends something on a thread of its own, which may hang.
fn end(ending: impl FnOnce() -> OTelSdkResult + Send + 'static) -> mpsc::Receiver<()> {
    let (done, ended) = mpsc::channel();
    // Where there is no thread, nothing is told, which is as good as a receiver that is away.
    let _ = thread::Builder::new().name("capykeys-telemetry-end".to_owned()).spawn(move || {
        // What could not be sent was counted, and said.
        let _ = ending();
        let _ = done.send(());
    });
    ended
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).thread_name("capykeys-telemetry").enable_all().build()
}

/// Who says all this. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` go before it.
fn resource(version: &'static str) -> Resource {
    let own = [KeyValue::new("service.name", "capykeys"), KeyValue::new("service.version", version)];
    let given = Resource::builder().build();
    let is_named = given
        .iter()
        .any(|(key, value)| key.as_str() == "service.name" && !value.as_str().starts_with("unknown_service"));
    let given = given
        .iter()
        .filter(|(key, _)| is_named || key.as_str() != "service.name")
        .map(|(key, value)| KeyValue::new(key.clone(), value.clone()))
        .collect::<Vec<_>>();
    Resource::builder_empty().with_attributes(own).with_attributes(given).build()
}

/// The same instruments for everybody who collects them.
fn meters(
    registry: &Registry,
    otlp: Option<&Otlp>,
    resource: Resource,
) -> Result<SdkMeterProvider, ExporterError> {
    let prometheus = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .scope_info_enabled(false)
        .build()?;
    let limit = |instrument: &Instrument| match instrument.kind() {
        InstrumentKind::Histogram => Stream::builder().with_cardinality_limit(MOST_SERIES).build().ok(),
        _ => None,
    };
    let mut builder =
        SdkMeterProvider::builder().with_resource(resource).with_reader(prometheus).with_view(limit);
    if let Some(otlp) = otlp {
        let exporter = Counted::new(exporter::metrics(otlp)?, METRICS);
        builder = builder.with_reader(PeriodicReader::builder(exporter).build());
    }
    let provider = builder.build();
    global::set_meter_provider(provider.clone());
    Ok(provider)
}

fn tracers(otlp: &Otlp, resource: Resource) -> Result<SdkTracerProvider, ExporterError> {
    let exporter = Counted::new(exporter::spans(otlp)?, TRACES);
    Ok(SdkTracerProvider::builder()
        .with_resource(resource)
        // It was decided before the span was built.
        .with_sampler(Sampler::AlwaysOn)
        .with_span_processor(BatchSpanProcessor::builder(exporter).build())
        .build())
}

fn loggers(otlp: &Otlp, resource: Resource) -> Result<SdkLoggerProvider, ExporterError> {
    let exporter = Counted::new(exporter::logs(otlp)?, LOGS);
    let processor = BatchLogProcessor::builder(exporter).build();
    Ok(SdkLoggerProvider::builder().with_resource(resource).with_log_processor(processor).build())
}
