//! The log: structured lines on standard error. Traces and metrics.

use std::{
    collections::HashMap,
    io::{self, IsTerminal},
    panic,
};

use capykeys_http::SECRET_MEMBERS;
use capykeys_telemetry::{Settings, SettingsError, TARGET, Telemetry};
use opentelemetry::global;
use tracing::Metadata;
use tracing_subscriber::{
    Registry,
    filter::{FilterExt, Targets, filter_fn},
    fmt,
    prelude::*,
    reload::{self, Handle},
};

use crate::{
    config::{self, Config, Log, LogFormat},
    error::Error,
};

/// Never logged, whatever the filter says. The libraries report every malformed request as an error, with the
/// parser's text, and at their lower levels the requests themselves; and what is traced is told elsewhere.
const SILENCED: [&str; 3] = ["actix_http", "actix_web", TARGET];

/// The fields that neither a line nor a trace may have, because they would hold a secret.
pub(crate) const HIDDEN: &[&str] = &SECRET_MEMBERS;

/// What is traced and sent, from the configuration and the standard variables of OpenTelemetry.
pub(crate) fn settings(config: &Config) -> Result<Settings, SettingsError> {
    let config::Telemetry { otlp_endpoint, sample_ratio, trust_public_sampling } = &config.telemetry;
    let variables: HashMap<_, _> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, _)| name.starts_with("OTEL_"))
        .collect();
    let settings =
        Settings::read(otlp_endpoint.as_ref(), *sample_ratio, &|name| variables.get(name).cloned())?;
    Ok(Settings { sampling: settings.sampling.trusting_strangers(*trust_public_sampling), ..settings })
}

/// Starts logging, and tracing where that is set. Standard output stays free for what commands print.
///
/// Only what is written through `tracing` is logged. Records of the `log` crate are left out on
/// purpose: drivers write the parameters of their statements there.
pub(crate) fn init(log: &Log, telemetry: Option<&Telemetry>) -> Result<Level, Error> {
    let (level, handle) = reload::Layer::new(log.filter()?);
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let lines = match log.format {
        LogFormat::Pretty => lines.with_target(false).compact().boxed(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
    };
    let lines = match telemetry.and_then(Telemetry::log_layer) {
        Some(sent) => lines.and_then(sent).boxed(),
        None => lines,
    };
    let lines = lines.with_filter(level.and(filter_fn(is_spoken)));
    let registry = tracing_subscriber::registry().with(lines);
    // Not an `Option` of a layer: one that is none wants to be asked of every span and event, each time.
    match telemetry.and_then(|telemetry| telemetry.layer(HIDDEN)) {
        Some(traces) => registry.with(traces).try_init()?,
        None => registry.try_init()?,
    }
    let panics = global::meter("capykeys")
        .u64_counter("capykeys.panics")
        .with_description("Panics, each of which is in the log")
        .build();
    panics.add(0, &[]);
    // Where, but not what: the text of a panic can hold any value.
    panic::set_hook(Box::new(move |panic| {
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, "panic");
        panics.add(1, &[]);
    }));
    Ok(Level(handle))
}

/// Whether a line or a span may be logged at all, which is asked once for each place in the code. One that would show a
/// secret by its name is left out as a whole.
fn is_spoken(line: &Metadata<'_>) -> bool {
    !SILENCED.iter().any(|target| line.target().starts_with(target))
        && !line.fields().iter().any(|field| HIDDEN.contains(&field.name()))
}

/// What is logged, which may change.
pub(crate) struct Level(Handle<Targets, Registry>);

impl Level {
    pub(crate) fn set(&self, log: &Log) -> Result<(), Error> {
        Ok(self.0.reload(log.filter()?)?)
    }
}

#[cfg(test)]
mod tests {
    use capykeys_testkit::AccessLog;

    use super::*;

    #[test]
    fn neither_a_line_nor_a_span_with_a_secret_in_it_is_logged() {
        let (log, writer) = (AccessLog::default(), AccessLog::clone);
        let lines = {
            let log = log.clone();
            fmt::layer().json().with_writer(move || writer(&log)).with_filter(filter_fn(is_spoken))
        };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            let plaintext_api_key = "planted in a span";
            let _span = tracing::info_span!("creation", plaintext_api_key).entered();
            tracing::info!(key_id = "key_1", "a line beside it");
            tracing::error!(api_key = "planted in a line", "a line with it");
        });
        let text = log.text();
        assert!(text.contains("a line beside it"), "{text}");
        assert!(!text.contains("planted") && !text.contains("a line with it"), "{text}");
    }
}
