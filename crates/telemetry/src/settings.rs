//! What can be set: a little of our own, and the standard variables of OpenTelemetry.

use std::{path::PathBuf, time::Duration};

use url::Url;

use crate::Sampling;

/// The value of an environment variable.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The names of exporters: of what is sent, and of what is not.
const OTLP: &str = "otlp";
const NONE: &str = "none";

/// How long one export may take, unless it is set.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is traced, and where it is sent. By default nothing is.
#[derive(Debug)]
pub struct Settings {
    /// Where traces are sent; `None` where nothing is traced.
    pub traces: Option<Otlp>,
    /// Where metrics are sent, besides being shown to Prometheus.
    pub metrics: Option<Otlp>,
    /// Where the log is sent, besides being written.
    pub logs: Option<Otlp>,
    /// What is traced.
    pub sampling: Sampling,
    /// Whether traces go on with those of callers (W3C Trace Context).
    pub propagation: bool,
}

/// A receiver of OTLP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// How it is spoken to.
    pub protocol: Protocol,
    /// The whole address.
    pub endpoint: Url,
    /// How long one export may take, with all that is tried again.
    pub timeout: Duration,
    /// A file with the certificate authorities to trust, in PEM, instead of the system's.
    pub certificate: Option<PathBuf>,
    /// Files with the certificate and the key to show, in PEM.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// How OTLP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Protobufs in HTTP requests.
    Http,
    /// gRPC.
    Grpc,
}

/// A setting that cannot be worked with, in one sentence. It never repeats the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` must be {rule}")]
pub struct SettingsError {
    name: String,
    rule: &'static str,
}

fn must(name: impl Into<String>, rule: &'static str) -> SettingsError {
    SettingsError { name: name.into(), rule }
}

impl Settings {
    /// Reads them. The variables go before `endpoint`, where both are sent, and before `ratio`, how many of the
    /// traces that begin here are recorded.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn read(endpoint: Option<&Url>, ratio: f64, variables: Variables<'_>) -> Result<Self, SettingsError> {
        // Empty is unset, says the specification.
        let set = |name: &str| variables(name).filter(|value| !value.is_empty());
        let disabled = set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let signal = |name, unless_set: &str, others: &[&str]| {
            let signal = Signal { name, set: &set, endpoint };
            if disabled { Ok(None) } else { signal.receiver(unless_set, others) }
        };
        Ok(Self {
            traces: signal("TRACES", OTLP, &[])?,
            metrics: signal("METRICS", OTLP, &["prometheus"])?,
            // It is written where those who collect logs look for it: nobody wants each line twice unless they say so.
            logs: signal("LOGS", NONE, &["console"])?,
            sampling: sampling(&set, ratio)?,
            propagation: propagation(&set)?,
        })
    }
}

fn sampling(set: Variables<'_>, ratio: f64) -> Result<Sampling, SettingsError> {
    let argument = "OTEL_TRACES_SAMPLER_ARG";
    let given =
        set(argument).map(|text| text.trim().parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio)));
    let given = given.map(|ratio| ratio.ok_or_else(|| must(argument, "a number from 0 to 1"))).transpose()?;
    // Without an argument a sampler by ratio samples everything, says the specification.
    let (name, ratio) = match set("OTEL_TRACES_SAMPLER") {
        Some(name) => (name, given.unwrap_or(1.0)),
        None => ("parentbased_traceidratio".to_owned(), given.unwrap_or(ratio)),
    };
    let rule = "always_on, always_off, traceidratio, or one of them behind `parentbased_`";
    Sampling::named(&name, ratio).ok_or_else(|| must("OTEL_TRACES_SAMPLER", rule))
}

fn propagation(set: Variables<'_>) -> Result<bool, SettingsError> {
    let name = "OTEL_PROPAGATORS";
    let Some(list) = set(name) else { return Ok(true) };
    let names: Vec<_> = list.split(',').map(str::trim).collect();
    if names.iter().any(|name| !["tracecontext", "baggage", "none"].contains(name)) {
        return Err(must(name, "tracecontext or none"));
    }
    Ok(names.contains(&"tracecontext"))
}

/// One of traces, metrics and logs.
struct Signal<'a> {
    name: &'static str,
    set: Variables<'a>,
    endpoint: Option<&'a Url>,
}

impl Signal<'_> {
    /// The variable of this signal, else that of all, and what it is called.
    fn option(&self, option: &str) -> Option<(String, String)> {
        let names =
            [format!("OTEL_EXPORTER_OTLP_{}_{option}", self.name), format!("OTEL_EXPORTER_OTLP_{option}")];
        names.into_iter().find_map(|name| (self.set)(&name).map(|value| (name, value)))
    }

    /// Where it is sent, unless it is sent nowhere or an exporter is named that is one of `others`.
    fn receiver(&self, unless_set: &str, others: &[&str]) -> Result<Option<Otlp>, SettingsError> {
        let exporter = format!("OTEL_{}_EXPORTER", self.name);
        match (self.set)(&exporter).as_deref().unwrap_or(unless_set) {
            OTLP => {}
            other if other == NONE || others.contains(&other) => return Ok(None),
            _ => return Err(must(exporter, "otlp or none")),
        }
        if let Some((name, _)) = self.option("COMPRESSION").filter(|(_, value)| value != "none") {
            return Err(must(name, "none"));
        }
        let protocol = self.protocol()?;
        let Some(endpoint) = self.endpoint(protocol)? else { return Ok(None) };
        let file = |option| self.option(option).map(|(_, path)| PathBuf::from(path));
        let client = match (file("CLIENT_CERTIFICATE"), file("CLIENT_KEY")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                return Err(must(
                    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
                    "set together with its `CLIENT_KEY`",
                ));
            }
        };
        Ok(Some(Otlp {
            protocol,
            endpoint,
            timeout: self.timeout()?,
            certificate: file("CERTIFICATE"),
            client,
        }))
    }

    fn protocol(&self) -> Result<Protocol, SettingsError> {
        match self.option("PROTOCOL") {
            None => Ok(Protocol::Http),
            Some((name, value)) => match value.as_str() {
                "http/protobuf" => Ok(Protocol::Http),
                "grpc" => Ok(Protocol::Grpc),
                _ => Err(must(name, "http/protobuf or grpc")),
            },
        }
    }

    /// What is set for the signal is the whole address. To what is set for all, HTTP adds a path.
    fn endpoint(&self, protocol: Protocol) -> Result<Option<Url>, SettingsError> {
        let rule = "an http or https URL without user name, password, query and fragment";
        let given = match self.option("ENDPOINT") {
            Some((name, text)) => {
                let url = text.parse().ok().filter(is_usable).ok_or_else(|| must(name.clone(), rule))?;
                Some((url, name != "OTEL_EXPORTER_OTLP_ENDPOINT"))
            }
            None => self.endpoint.map(|url| (url.clone(), false)),
        };
        let Some((mut url, whole)) = given else { return Ok(None) };
        if !is_usable(&url) {
            return Err(must("telemetry.otlp_endpoint", rule));
        }
        if !whole && protocol == Protocol::Http {
            let path = format!("{}/v1/{}", url.path().trim_end_matches('/'), self.name.to_ascii_lowercase());
            url.set_path(&path);
        }
        Ok(Some(url))
    }

    fn timeout(&self) -> Result<Duration, SettingsError> {
        let Some((name, text)) = self.option("TIMEOUT") else { return Ok(TIMEOUT) };
        let millis = text.trim().parse().ok().filter(|millis| *millis > 0);
        millis.map(Duration::from_millis).ok_or_else(|| must(name, "a number of milliseconds"))
    }
}

/// Credentials belong into `OTEL_EXPORTER_OTLP_HEADERS`: an address may be in a log.
fn is_usable(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

#[cfg(test)]
mod tests;
