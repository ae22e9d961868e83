//! A server over the reference model, and a client that sends any bytes.

mod certificates;
mod client;
mod moody;

use std::{
    fmt::Write,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::dev::ServerHandle;
use capykeys_conformance::{
    fixtures::{ManualClock, SeededEntropy, ToldUses, context},
    model::ModelStore,
};
use capykeys_domain::{
    model::{KeyName, KeySpec, Organization, OrganizationName, ScopeSet, Slug},
    policy::Permit,
    ports::{NoReplicas, Unremembered},
    secret::{KeyFormat, Pepper, PepperId, Peppers},
    usecases::{Capykeys, CreatedKey, Gateways, NewOrganization, Ports, Provisioning},
};
use capykeys_http::{BasePath, Callers, Drain, Internal, Settings, Surface};
pub(crate) use certificates::Authority;
pub(crate) use client::{Answer, Connection};
pub(crate) use moody::{Mood, MoodyStore};
use zeroize::Zeroizing;

/// A server, its organization, and what a test may turn.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) app: Arc<Capykeys>,
    pub(crate) store: MoodyStore,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) drain: Drain,
    pub(crate) organization: Organization,
    pub(crate) handle: ServerHandle,
}

impl Site {
    /// A server with the usual limits.
    pub(crate) async fn new() -> Self {
        Self::with_limit(Duration::from_secs(10)).await
    }

    /// A server for the cluster.
    pub(crate) async fn internal() -> Self {
        Self::internal_with(internal(), Duration::from_secs(10)).await
    }

    /// The same with another setup and this time limit for requests.
    pub(crate) async fn internal_with(internal: Internal, request_timeout: Duration) -> Self {
        Self::serving(Surface::Internal(Box::new(internal)), request_timeout).await
    }

    /// A server with this time limit for requests.
    pub(crate) async fn with_limit(request_timeout: Duration) -> Self {
        Self::serving(Surface::Public(BasePath::default()), request_timeout).await
    }

    /// A server below this path.
    pub(crate) async fn below(base_path: &str) -> Self {
        let base_path = BasePath::parse(base_path).unwrap();
        Self::serving(Surface::Public(base_path), Duration::from_secs(10)).await
    }

    /// The same with room for one connection at a time.
    pub(crate) async fn with_one_connection(internal: Internal, request_timeout: Duration) -> Self {
        let settings = Settings { max_connections: 1, ..settings(request_timeout) };
        Self::serving_with(Surface::Internal(Box::new(internal)), settings).await
    }

    async fn serving(surface: Surface, request_timeout: Duration) -> Self {
        Self::serving_with(surface, settings(request_timeout)).await
    }

    async fn serving_with(surface: Surface, settings: Settings) -> Self {
        let store = MoodyStore::new(ModelStore::default());
        let clock = Arc::new(ManualClock::default());
        let app = Arc::new(capykeys(&store, &clock));
        let new = NewOrganization {
            name: OrganizationName::parse("Acme").unwrap(),
            slug: Slug::parse("acme").unwrap(),
            clerk: None,
        };
        let organization = app.create_organization(new, &context()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let drain = Drain::new();
        let server =
            capykeys_http::serve(listener, surface, Arc::clone(&app), drain.clone(), &settings).unwrap();
        let handle = server.handle();
        tokio::spawn(server);
        Self { address, app, store, clock, drain, organization, handle }
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
        self.app.create_key(&permit, spec, &context()).await.unwrap()
    }

    /// The path of the organization's keys.
    pub(crate) fn keys_path(&self) -> String {
        format!("/v1/organizations/{}/api-keys", self.organization.id)
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// Sends one request on a connection of its own.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n").unwrap();
        }
        if !body.is_empty() {
            write!(request, "content-length: {}\r\n", body.len()).unwrap();
        }
        self.connect().finish(format!("{request}\r\n{body}").as_bytes())
    }

    /// The same with a key.
    pub(crate) fn send_as(&self, key: &CreatedKey, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {}", key.plaintext.expose());
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.send(method, path, &headers, body)
    }
}

fn settings(request_timeout: Duration) -> Settings {
    Settings { workers: 1, request_timeout, ..Settings::default() }
}

/// The usual setup of the listener for the cluster.
pub(crate) fn internal() -> Internal {
    Internal {
        metrics: Arc::new(|| Some("# EOF\n".to_owned())),
        gateways: Gateways::default(),
        callers: Callers::Trusted,
        tls: None,
    }
}

fn capykeys(store: &MoodyStore, clock: &Arc<ManualClock>) -> Capykeys {
    let shared = Arc::new(store.clone());
    let ports = Ports {
        keys: shared.clone(),
        resolver: Arc::new(Unremembered(shared.clone())),
        replicas: Arc::new(NoReplicas),
        organizations: Arc::new(store.model.clone()),
        organization_resolver: Arc::new(store.model.clone()),
        audit: Arc::new(store.model.clone()),
        sessions: None,
        readiness: shared,
        uses: Arc::new(ToldUses::default()),
        clock: clock.clone(),
        entropy: Arc::new(SeededEntropy::default()),
    };
    let pepper = Pepper::new(PepperId::parse("1").unwrap(), Zeroizing::new([1; 32]));
    let peppers = Peppers::new(pepper, Vec::new()).unwrap();
    Capykeys::new(ports, KeyFormat::default(), peppers, Provisioning::Auto)
}
