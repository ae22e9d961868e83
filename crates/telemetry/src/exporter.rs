//! What sends traces, metrics and logs.

use std::{fs, path::Path};

use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
    tonic_types::transport::{Certificate, ClientTlsConfig, Identity},
};
use reqwest::{blocking::Client, redirect::Policy};

use crate::settings::{Otlp, Protocol};

/// Why telemetry cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// A file cannot be read.
    #[error("`OTEL_EXPORTER_OTLP_{0}` is no file that can be read")]
    File(&'static str),
    /// What is in a file is not what it should be.
    #[error("`OTEL_EXPORTER_OTLP_{0}` must be a file in PEM")]
    Pem(&'static str),
    /// No client could be set up.
    #[error("no client for OTLP could be set up: are the system's CA certificates installed?")]
    Client,
    /// What is set goes together with nothing that this program can do.
    #[error("no exporter could be made of what the `OTEL_EXPORTER_OTLP_…` variables say")]
    Exporter(#[from] ExporterBuildError),
    /// The operating system gives no thread.
    #[error("no thread for telemetry could be started: {0}")]
    Thread(#[from] std::io::Error),
    /// Prometheus' registry refuses the metrics.
    #[error("the metrics could not be set up")]
    Metrics(#[from] opentelemetry_sdk::error::OTelSdkError),
}

macro_rules! exporters {
    ($($signal:ident: $exporter:ident),*) => {$(
        pub(crate) fn $signal(otlp: &Otlp) -> Result<$exporter, ExporterError> {
            let builder = $exporter::builder();
            Ok(match otlp.protocol {
                Protocol::Http => over_http(builder.with_http(), otlp)?.build()?,
                Protocol::Grpc => over_grpc(builder.with_tonic(), otlp)?.build()?,
            })
        }
    )*};
}

exporters!(spans: SpanExporter, metrics: MetricExporter, logs: LogExporter);

/// Headers and compression are read from the environment by the builder itself.
fn over_http<B: WithExportConfig + WithHttpConfig>(builder: B, otlp: &Otlp) -> Result<B, ExporterError> {
    let configured = builder
        .with_endpoint(otlp.endpoint.as_str())
        .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
        .with_timeout(otlp.timeout);
    Ok(configured.with_http_client(client(otlp)?))
}

fn client(otlp: &Otlp) -> Result<Client, ExporterError> {
    // A redirect would take the headers with it, in which credentials are.
    let mut builder = Client::builder().timeout(otlp.timeout).redirect(Policy::none());
    if let Some(path) = &otlp.certificate {
        let pem = read("CERTIFICATE", path)?;
        let authorities = reqwest::Certificate::from_pem_bundle(&pem);
        let authorities = authorities.ok().filter(|found| !found.is_empty());
        builder = builder.tls_certs_only(authorities.ok_or(ExporterError::Pem("CERTIFICATE"))?);
    } else if otlp.endpoint.scheme() == "http" {
        // Nothing to be checked, so nothing to be looked for: the system may have no authorities.
        builder = builder.tls_certs_only([]);
    }
    if let Some((certificate, key)) = &otlp.client {
        let mut pem = read("CLIENT_CERTIFICATE", certificate)?;
        pem.push(b'\n');
        pem.extend(read("CLIENT_KEY", key)?);
        let identity = reqwest::Identity::from_pem(&pem);
        builder = builder.identity(identity.map_err(|_| ExporterError::Pem("CLIENT_CERTIFICATE"))?);
    }
    builder.build().map_err(|_| ExporterError::Client)
}

/// Nothing is connected before the first export.
fn over_grpc<B: WithExportConfig + WithTonicConfig>(builder: B, otlp: &Otlp) -> Result<B, ExporterError> {
    let builder = builder.with_endpoint(otlp.endpoint.as_str()).with_timeout(otlp.timeout);
    if otlp.endpoint.scheme() != "https" {
        return Ok(builder);
    }
    let mut tls = ClientTlsConfig::new();
    tls = match &otlp.certificate {
        Some(path) => tls.ca_certificate(Certificate::from_pem(read("CERTIFICATE", path)?)),
        None => tls.with_native_roots(),
    };
    if let Some((certificate, key)) = &otlp.client {
        let (certificate, key) = (read("CLIENT_CERTIFICATE", certificate)?, read("CLIENT_KEY", key)?);
        tls = tls.identity(Identity::from_pem(certificate, key));
    }
    Ok(builder.with_tls_config(tls))
}

fn read(name: &'static str, path: &Path) -> Result<Vec<u8>, ExporterError> {
    fs::read(path).map_err(|_| ExporterError::File(name))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        net::TcpListener,
        thread,
        time::Duration,
    };

    use super::*;

    /// `OTEL_EXPORTER_OTLP_HEADERS` are for whom they were set.
    #[test]
    fn a_collector_cannot_send_what_it_is_told_elsewhere() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap()).parse().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                lines.find(String::is_empty);
                let head = "HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\nconnection: close";
                let _ = (&stream).write_all(format!("{head}\r\ncontent-length: 0\r\n\r\n").as_bytes());
            }
        });
        let timeout = Duration::from_secs(10);
        let otlp = Otlp { protocol: Protocol::Http, endpoint, timeout, certificate: None, client: None };
        let answer = client(&otlp).unwrap().post(otlp.endpoint).send().unwrap();
        assert_eq!((answer.status().as_u16(), answer.url().path()), (307, "/v1/traces"));
    }
}
