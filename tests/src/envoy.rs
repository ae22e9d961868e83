//! Checks over gRPC, as Envoy asks for them.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, LazyLock},
};

use envoy_types::{
    ext_authz::v3::pb::{CheckRequest, HeaderValueOption, HttpResponse},
    pb::envoy::service::auth::v3::{
        AttributeContext,
        attribute_context::{HttpRequest, Request},
        authorization_client::AuthorizationClient,
    },
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, runtime::Runtime};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};
use tonic::transport::{Channel, Endpoint};

use crate::{Server, secrets};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// A check that is being put together.
#[derive(Clone, Debug)]
pub struct Check {
    method: String,
    host: String,
    path: String,
    headers: HashMap<String, String>,
    settings: HashMap<String, String>,
    trace_parent: Option<String>,
}

/// What Envoy is told.
#[derive(Debug)]
pub struct Verdict {
    /// 200 where the request may pass, else what the client is answered.
    pub status: i32,
    /// For the API where the request may pass, else for the client.
    pub headers: HashMap<String, String>,
    /// What does not reach the API.
    pub removed: Vec<String>,
    /// For the client.
    pub body: String,
}

impl Check {
    /// Of a `GET` of this path.
    pub fn of(path: &str) -> Self {
        let [method, host, path] = ["GET", "api.example", path].map(str::to_owned);
        Self { method, host, path, headers: HashMap::new(), settings: HashMap::new(), trace_parent: None }
    }

    /// With another method.
    #[must_use]
    pub fn of_method(self, method: &str) -> Self {
        Self { method: method.to_owned(), ..self }
    }

    /// For another host.
    #[must_use]
    pub fn of_host(self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self }
    }

    /// With `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With one more setting of the gateway's for the route.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With a trace of the gateway's own, beside the request that is asked about.
    #[must_use]
    pub fn traced(self, trace_parent: &str) -> Self {
        Self { trace_parent: Some(trace_parent.to_owned()), ..self }
    }

    /// Asks, and learns what is to be done with the request.
    ///
    /// # Panics
    /// Where that is not told, or a secret is.
    #[track_caller]
    pub fn ask(self, server: &Server) -> Verdict {
        let trace_parent = self.trace_parent.clone();
        let mut request = tonic::Request::new(self.request());
        if let Some(trace) = trace_parent {
            request.metadata_mut().insert("traceparent", trace.parse().expect("a header's value"));
        }
        let answer = block_on(async {
            let mut client = AuthorizationClient::new(connect(server.grpc_address()).await);
            client.check(request).await.expect("an answer").into_inner()
        });
        let passes = answer.status.expect("a status").code == 0;
        match answer.http_response {
            Some(HttpResponse::OkResponse(ok)) if passes => Verdict {
                status: 200,
                headers: headers(ok.headers),
                removed: ok.headers_to_remove,
                body: String::new(),
            },
            Some(HttpResponse::DeniedResponse(denied)) if !passes => {
                assert!(secrets::found_in(&denied.body).is_none(), "the answer tells a secret");
                Verdict {
                    status: denied.status.expect("a status").code,
                    headers: headers(denied.headers),
                    removed: Vec::new(),
                    body: denied.body,
                }
            }
            other => panic!("no verdict: {other:?}"),
        }
    }

    /// Asks on a connection that others use too, and learns the status alone.
    ///
    /// # Errors
    /// Where there is no answer.
    pub fn try_on(self, channel: &Channel) -> Result<i32, tonic::Status> {
        let mut client = AuthorizationClient::new(channel.clone());
        let answer = block_on(client.check(self.request()))?.into_inner();
        Ok(match answer.http_response {
            Some(HttpResponse::DeniedResponse(denied)) => denied.status.map_or(0, |status| status.code),
            _ => 200,
        })
    }

    fn request(self) -> CheckRequest {
        let http = HttpRequest {
            method: self.method,
            host: self.host,
            path: self.path,
            headers: self.headers,
            ..HttpRequest::default()
        };
        let attributes = AttributeContext {
            request: Some(Request { http: Some(http), ..Request::default() }),
            context_extensions: self.settings,
            ..AttributeContext::default()
        };
        CheckRequest { attributes: Some(attributes) }
    }
}

fn headers(options: Vec<HeaderValueOption>) -> HashMap<String, String> {
    options.into_iter().filter_map(|option| option.header).map(|header| (header.key, header.value)).collect()
}

/// A connection for gRPC.
///
/// # Panics
/// Where there is none.
pub async fn connect(address: SocketAddr) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{address}")).expect("an address");
    endpoint.connect().await.expect("a connection")
}

/// A connection for gRPC inside of TLS, to a server whose certificate is for its address.
///
/// # Errors
/// Where there is none.
pub async fn connect_tls(
    address: SocketAddr,
    config: ClientConfig,
) -> Result<Channel, tonic::transport::Error> {
    let connector = TlsConnector::from(Arc::new(config));
    let connect = tower::service_fn(move |_| {
        let connector = connector.clone();
        async move {
            let stream = TcpStream::connect(address).await?;
            connector.connect(ServerName::from(address.ip()), stream).await.map(TokioIo::new)
        }
    });
    Endpoint::from_static("http://localhost").connect_with_connector(connect).await
}

/// Awaits what is asked over gRPC.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.block_on(work)
}
