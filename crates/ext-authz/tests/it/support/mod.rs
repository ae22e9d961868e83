//! A server over the reference model, and Envoy's side of the conversation.

mod ask;
mod certificates;
mod moody;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

pub(crate) use ask::{ask, header, let_through, refused};
use capykeys_conformance::{
    fixtures::{ManualClock, SeededEntropy, ToldUses, context},
    model::ModelStore,
};
use capykeys_domain::{
    model::{KeyName, KeySpec, Organization, OrganizationName, ScopeCatalogue, ScopeSet, Slug},
    policy::Permit,
    ports::{NoReplicas, Unremembered},
    secret::{KeyFormat, Pepper, PepperId, Peppers},
    usecases::{CreatedKey, Environment, Management, NewOrganization, Operators, Verdicts},
};
use capykeys_ext_authz::Settings;
use capykeys_gateway::Gateways;
pub(crate) use certificates::Authority;
use envoy_types::{
    ext_authz::v3::pb::{CheckRequest, CheckResponse},
    pb::envoy::service::auth::v3::authorization_client::AuthorizationClient,
};
use hyper_util::rt::TokioIo;
pub(crate) use moody::Mood;
use moody::MoodyLookup;
use tokio::net::TcpStream;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};
use tonic::transport::{Channel, Endpoint};
use zeroize::Zeroizing;

/// A server, its organization, and what a test may turn.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) management: Management,
    pub(crate) mood: watch::Sender<Mood>,
    pub(crate) organization: Organization,
    /// Ends when the server has ended.
    pub(crate) serving: JoinHandle<io::Result<()>>,
    leave: Option<oneshot::Sender<()>>,
    stop: Option<oneshot::Sender<()>>,
    clock: Arc<ManualClock>,
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
        let clock = Arc::new(ManualClock::default());
        let (mood, receiver) = watch::channel(Mood::Good);
        let (verdicts, management, operators) = capykeys(receiver, &clock);
        let new = NewOrganization {
            name: OrganizationName::parse("Acme").unwrap(),
            slug: Slug::parse("acme").unwrap(),
            clerk: None,
        };
        let organization = operators.create_organization(new, &context()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ((leave, leaving), (stop, stopped)) = (told(), told());
        let serving = capykeys_ext_authz::serve(listener, verdicts, gateways, settings, leaving, stopped);
        let (leave, stop) = (Some(leave), Some(stop));
        Self { address, management, mood, organization, serving: tokio::spawn(serving), leave, stop, clock }
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
        let scopes = ScopeSet::from_stored(scopes.iter().copied()).unwrap();
        self.key_for(KeySpec::new(KeyName::parse("operator's").unwrap(), scopes)).await
    }

    /// A key of the organization, made by an operator.
    pub(crate) async fn key_for(&self, spec: KeySpec) -> CreatedKey {
        self.clock.advance(1);
        let permit = Permit::operator_creates_key(&self.organization);
        self.management.create_key(&permit, spec, &context()).await.unwrap()
    }
}

fn capykeys(mood: watch::Receiver<Mood>, clock: &Arc<ManualClock>) -> (Arc<Verdicts>, Management, Operators) {
    let model = ModelStore::default();
    let store = Arc::new(model.clone());
    let pepper = Pepper::new(PepperId::parse("1").unwrap(), Zeroizing::new([1; 32]));
    let peppers = Peppers::new(pepper, Vec::new()).unwrap();
    let entropy = Arc::new(SeededEntropy::default());
    let (format, scopes) = (KeyFormat::default(), ScopeCatalogue::default());
    let environment = Arc::new(Environment::new(clock.clone(), entropy, format, peppers, scopes));
    let keys = Arc::new(Unremembered(Arc::new(MoodyLookup { model, mood })));
    let uses = Arc::new(ToldUses::default());
    let verdicts = Verdicts::new(environment.clone(), keys, uses, store.clone(), None);
    let management = Management::new(
        environment.clone(),
        store.clone(),
        store.clone(),
        store.clone(),
        Arc::new(NoReplicas),
    );
    let operators = Operators::new(environment, store.clone(), store, Arc::new(NoReplicas));
    (Arc::new(verdicts), management, operators)
}

fn told() -> (oneshot::Sender<()>, impl Future<Output = ()>) {
    let (sender, receiver) = oneshot::channel();
    (sender, async {
        let _ = receiver.await;
    })
}
