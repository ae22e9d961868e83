//! A server over the reference model, and Envoy's side of the conversation.

mod ask;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

pub(crate) use ask::{ask, header, let_through, refused};
use capykeys_conformance::service::Service;
use capykeys_domain::{
    model::{KeySpec, Organization},
    usecases::CreatedKey,
};
use capykeys_ext_authz::Settings;
use capykeys_gateway::Gateways;
use envoy_types::{
    ext_authz::v3::pb::{CheckRequest, CheckResponse},
    pb::envoy::service::auth::v3::authorization_client::AuthorizationClient,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::oneshot, task::JoinHandle};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};
use tonic::transport::{Channel, Endpoint};

/// A server, its organization, and what a test may turn.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) service: Service,
    pub(crate) organization: Organization,
    /// Ends when the server has ended.
    pub(crate) serving: JoinHandle<io::Result<()>>,
    leave: Option<oneshot::Sender<()>>,
    stop: Option<oneshot::Sender<()>>,
}

/// The usual limits.
pub(crate) const SETTINGS: Settings = Settings {
    tls: None,
    max_connections: 100,
    request_timeout: Duration::from_secs(10),
    shutdown_timeout: Duration::from_secs(30),
};

impl Site {
    /// A server without rules and with the usual limits.
    pub(crate) async fn new() -> Self {
        Self::with(Gateways::default(), SETTINGS).await
    }

    /// A server.
    pub(crate) async fn with(gateways: Gateways, settings: Settings) -> Self {
        let service = Service::default();
        let organization = service.organization().await;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ((leave, leaving), (stop, stopped)) = (told(), told());
        let verdicts = Arc::clone(&service.verdicts);
        let serving = capykeys_ext_authz::serve(listener, verdicts, gateways, settings, leaving, stopped);
        let (leave, stop) = (Some(leave), Some(stop));
        Self { address, service, organization, serving: tokio::spawn(serving), leave, stop }
    }

    /// Tells the server that it is about to stop.
    pub(crate) fn leave(&mut self) {
        self.leave.take().unwrap().send(()).unwrap();
    }

    /// Tells the server to stop.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    /// A new connection with TLS; an error where there is no handshake.
    pub(crate) async fn connect_tls(
        &self,
        config: Arc<ClientConfig>,
    ) -> Result<Channel, tonic::transport::Error> {
        let address = self.address;
        let connector = tower::service_fn(move |_| {
            let config = Arc::clone(&config);
            async move {
                let stream = TcpStream::connect(address).await?;
                let name = ServerName::try_from("localhost").unwrap();
                TlsConnector::from(config).connect(name, stream).await.map(TokioIo::new)
            }
        });
        Endpoint::from_static("http://localhost").connect_with_connector(connector).await
    }

    /// Asks once, on a connection of its own.
    pub(crate) async fn check(&self, request: CheckRequest) -> CheckResponse {
        AuthorizationClient::new(self.connect().await).check(request).await.unwrap().into_inner()
    }

    /// A key of the organization with these scopes, made by an operator.
    pub(crate) async fn key(&self, scopes: &[&str]) -> CreatedKey {
        self.service.key(&self.organization, scopes).await
    }

    /// A key of the organization, made by an operator.
    pub(crate) async fn key_for(&self, spec: KeySpec) -> CreatedKey {
        self.service.key_for(&self.organization, spec).await
    }
}

fn told() -> (oneshot::Sender<()>, impl Future<Output = ()>) {
    let (sender, receiver) = oneshot::channel();
    (sender, async {
        let _ = receiver.await;
    })
}
