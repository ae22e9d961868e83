//! Traces, metrics and logs: what is sampled, shown to Prometheus and sent over OTLP.
//!
//! The other crates know nothing of this one. They record metrics with the API of `opentelemetry`, which does
//! nothing until [`Telemetry::start`] has set a provider, and traces with spans of `tracing` whose target is
//! [`TARGET`], which nobody looks at but [`Telemetry::layer`]. What they write into the log with `tracing` is sent by
//! [`Telemetry::log_layer`] too, where that is set.
//!
//! - Whether a request is traced is decided before a span is built: where it is not, none is.
//! - What sends has threads of its own, on which nothing is traced. It may be slow, or hang: then telemetry is
//!   dropped and counted, and no request waits.
//! - The end is [`Telemetry::end`], which takes no longer than it is told.

mod exporter;
mod layer;
mod sampling;
mod sent;
mod settings;
mod telemetry;

pub use exporter::ExporterError;
pub use layer::TARGET;
pub use sampling::Sampling;
pub use settings::{Otlp, Protocol, Settings, SettingsError, Variables};
pub use telemetry::Telemetry;
