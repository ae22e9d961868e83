//! A collector of telemetry, which decodes what it is sent (OTLP over HTTP and over gRPC).

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_server::{LogsService, LogsServiceServer},
        },
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::LogRecord,
    metrics::v1::Metric,
    trace::v1::Span,
};
use prost::Message;
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::runtime::Runtime;
use tonic::{
    Request, Response, Status,
    transport::{Certificate, Identity, Server, ServerTlsConfig, server::TcpIncoming},
};

use crate::{Authority, secrets, wait};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// What it does with what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It takes it.
    Takes,
    /// It takes it after so many milliseconds.
    Delays(u64),
    /// It never answers.
    Hangs,
    /// It refuses it, and repeats what the headers said.
    Refuses,
}

/// A collector that listens on loopback.
#[derive(Clone)]
pub struct Collector {
    address: SocketAddr,
    scheme: &'static str,
    received: Arc<Mutex<Received>>,
}

/// What has come.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Spans, with the attributes of who has sent them and the name of what has made them.
    pub spans: Vec<(Attributes, String, Span)>,
    /// Lines of the log, each with what is known of who wrote it and the name of its part of the program.
    pub logs: Vec<(Attributes, String, LogRecord)>,
    /// Metrics, in the last state that each was sent in.
    pub metrics: BTreeMap<String, Metric>,
    /// The headers of each request, and `:path`.
    pub requests: Vec<BTreeMap<String, String>>,
    /// A kind of secret that was in it.
    pub leak: Option<String>,
}

/// Attributes as texts.
pub type Attributes = BTreeMap<String, String>;

/// The attributes as texts.
pub fn attributes(of: &[KeyValue]) -> Attributes {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    of.iter().map(|one| (one.key.clone(), text(&one.value))).collect()
}

impl Collector {
    /// One that speaks HTTP.
    pub fn over_http(manner: Manner) -> Self {
        Self::http(manner, None)
    }

    /// One that speaks HTTP inside of TLS, with the files of [`Authority::equip`], and wants a certificate of that
    /// authority.
    pub fn over_https(authority: &Authority, directory: &Path) -> Self {
        Self::http(Manner::Takes, Some(Arc::new(tls(authority, directory))))
    }

    fn http(manner: Manner, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
        let collector = Self::at(&listener, if tls.is_some() { "https" } else { "http" });
        let this = collector.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (this, tls) = (this.clone(), tls.clone());
                // A connection that breaks was its client's.
                thread::spawn(move || match tls {
                    None => drop(this.serve(stream, manner)),
                    Some(config) => {
                        let session = ServerConnection::new(config).expect("a session");
                        drop(this.serve(StreamOwned::new(session, stream), manner));
                    }
                });
            }
        });
        collector
    }

    /// One that speaks gRPC.
    pub fn over_grpc(manner: Manner) -> Self {
        Self::grpc(manner, None)
    }

    /// One that speaks gRPC inside of TLS, as [`Collector::over_https`].
    pub fn over_grpc_with_tls(authority: &Authority, directory: &Path) -> Self {
        let read = |name| std::fs::read(directory.join(name)).expect("a file");
        let identity = Identity::from_pem(read("server.pem"), read("server.key"));
        let tls =
            ServerTlsConfig::new().identity(identity).client_ca_root(Certificate::from_pem(authority.pem()));
        Self::grpc(Manner::Takes, Some(tls))
    }

    fn grpc(manner: Manner, tls: Option<ServerTlsConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
        listener.set_nonblocking(true).expect("a socket");
        let collector = Self::at(&listener, if tls.is_some() { "https" } else { "http" });
        let service = Service { collector: collector.clone(), manner };
        RUNTIME.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
            let mut server = Server::builder();
            if let Some(tls) = tls {
                server = server.tls_config(tls).expect("a certificate");
            }
            let server = server
                .add_service(TraceServiceServer::new(service.clone()))
                .add_service(LogsServiceServer::new(service.clone()))
                .add_service(MetricsServiceServer::new(service));
            server.serve_with_incoming(TcpIncoming::from(listener)).await
        });
        collector
    }

    fn at(listener: &TcpListener, scheme: &'static str) -> Self {
        let address = listener.local_addr().expect("an address");
        Self { address, scheme, received: Arc::default() }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// What has come so far.
    pub fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a span.
    ///
    /// # Panics
    /// Where it does not come in time.
    #[track_caller]
    pub fn span(&self, what: &str, limit: Duration, wanted: impl Fn(&Span) -> bool) -> Span {
        wait::until(what, limit, || {
            self.received().spans.iter().map(|(_, _, span)| span).find(|span| wanted(span)).cloned()
        })
    }

    /// Waits for a metric.
    ///
    /// # Panics
    /// Where it does not come in time.
    #[track_caller]
    pub fn metric(&self, name: &str, limit: Duration) -> Metric {
        wait::until(name, limit, || self.received().metrics.get(name).cloned())
    }

    fn serve(&self, stream: impl Read + Write, manner: Manner) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            let mut headers = BTreeMap::from([(":path".to_owned(), path.clone())]);
            loop {
                let mut line = String::new();
                stream.read_line(&mut line)?;
                let Some((name, value)) = line.trim_end().split_once(": ") else { break };
                headers.insert(name.to_ascii_lowercase(), value.to_owned());
            }
            let length = headers.get("content-length").and_then(|length| length.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            stream.read_exact(&mut body)?;
            let repeated = format!("{headers:?}");
            self.received().requests.push(headers);
            match manner {
                Manner::Takes => {}
                Manner::Delays(millis) => thread::sleep(Duration::from_millis(millis)),
                Manner::Hangs => thread::sleep(Duration::from_hours(1)),
                Manner::Refuses => {
                    let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length";
                    stream
                        .get_mut()
                        .write_all(format!("{head}: {}\r\n\r\n{repeated}", repeated.len()).as_bytes())?;
                    continue;
                }
            }
            let body = body.as_slice();
            match path.as_str() {
                "/v1/traces" => self.take_traces(Message::decode(body).expect("traces")),
                "/v1/logs" => self.take_logs(Message::decode(body).expect("logs")),
                "/v1/metrics" => self.take_metrics(Message::decode(body).expect("metrics")),
                _ => {}
            }
            stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
        }
    }

    fn take_traces(&self, request: ExportTraceServiceRequest) {
        let mut received = self.received();
        received.search(&format!("{request:?}"));
        for of_resource in request.resource_spans {
            let resource = attributes(&of_resource.resource.unwrap_or_default().attributes);
            for of_scope in of_resource.scope_spans {
                let scope = of_scope.scope.unwrap_or_default().name;
                let spans = of_scope.spans.into_iter();
                received.spans.extend(spans.map(|span| (resource.clone(), scope.clone(), span)));
            }
        }
    }

    fn take_logs(&self, request: ExportLogsServiceRequest) {
        let mut received = self.received();
        received.search(&format!("{request:?}"));
        for of_resource in request.resource_logs {
            let resource = attributes(&of_resource.resource.unwrap_or_default().attributes);
            for of_scope in of_resource.scope_logs {
                let scope = of_scope.scope.unwrap_or_default().name;
                let lines = of_scope.log_records.into_iter();
                received.logs.extend(lines.map(|line| (resource.clone(), scope.clone(), line)));
            }
        }
    }

    fn take_metrics(&self, request: ExportMetricsServiceRequest) {
        let mut received = self.received();
        received.search(&format!("{request:?}"));
        let scopes = request.resource_metrics.into_iter().flat_map(|of_resource| of_resource.scope_metrics);
        let metrics = scopes.flat_map(|of_scope| of_scope.metrics);
        received.metrics.extend(metrics.map(|metric| (metric.name.clone(), metric)));
    }
}

impl Received {
    fn search(&mut self, text: &str) {
        self.leak = self.leak.take().or_else(|| secrets::found_in(text).map(ToOwned::to_owned));
    }
}

fn tls(authority: &Authority, directory: &Path) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("PEM"))
        .expect("an authority");
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let chain = CertificateDer::from_pem_file(directory.join("server.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(directory.join("server.key")).expect("a key");
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_client_cert_verifier(verifier.build().expect("a verifier"))
        .with_single_cert(vec![chain], key)
        .expect("a certificate and its key")
}

#[derive(Clone)]
struct Service {
    collector: Collector,
    manner: Manner,
}

impl Service {
    async fn receive<T>(&self, path: &str, request: Request<T>) -> Result<T, Status> {
        let headers = request.metadata().as_ref().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let path = (":path".to_owned(), path.to_owned());
        let headers: BTreeMap<_, _> = headers.chain([path]).collect();
        let repeated = format!("{headers:?}");
        self.collector.received().requests.push(headers);
        match self.manner {
            Manner::Takes => {}
            Manner::Delays(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Manner::Hangs => std::future::pending().await,
            Manner::Refuses => return Err(Status::permission_denied(repeated)),
        }
        Ok(request.into_inner())
    }
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let traces = self.receive("traces", request).await?;
        self.collector.take_traces(traces);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Service {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let logs = self.receive("logs", request).await?;
        self.collector.take_logs(logs);
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let metrics = self.receive("metrics", request).await?;
        self.collector.take_metrics(metrics);
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
