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
    model::{KeyName, KeySpec, Organization, OrganizationName, ScopeCatalogue, ScopeSet, Slug},
    policy::Permit,
    ports::{NoReplicas, Unremembered},
    secret::{KeyFormat, Pepper, PepperId, Peppers},
    usecases::{CreatedKey, Environment, Management, NewOrganization, Operators, Verdicts},
};
use capykeys_gateway::Gateways;
use capykeys_http::{BasePath, Callers, Drain, Internal, Public, Settings, Surface};
pub(crate) use certificates::Authority;
pub(crate) use client::{Answer, Connection};
pub(crate) use moody::{Mood, MoodyStore};
use zeroize::Zeroizing;

/// A server, its organization, and what a test may turn.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) management: Arc<Management>,
    pub(crate) operators: Operators,
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
        Self::serving(|_| Surface::Internal(Box::new(internal)), settings(request_timeout)).await
    }

    /// A server with this time limit for requests.
    pub(crate) async fn with_limit(request_timeout: Duration) -> Self {
        Self::public(BasePath::default(), request_timeout).await
    }

    /// A server below this path.
    pub(crate) async fn below(base_path: &str) -> Self {
        let base_path = BasePath::parse(base_path).unwrap();
        Self::public(base_path, Duration::from_secs(10)).await
    }

    /// The same with room for one connection at a time.
    pub(crate) async fn with_one_connection(internal: Internal, request_timeout: Duration) -> Self {
        let settings = Settings { max_connections: 1, ..settings(request_timeout) };
        Self::serving(|_| Surface::Internal(Box::new(internal)), settings).await
    }

    async fn public(base_path: BasePath, request_timeout: Duration) -> Self {
        let surface = |management| Surface::Public(Public { base_path, management });
        Self::serving(surface, settings(request_timeout)).await
    }

    async fn serving(surface: impl FnOnce(Arc<Management>) -> Surface, settings: Settings) -> Self {
        let store = MoodyStore::new(ModelStore::default());
        let clock = Arc::new(ManualClock::default());
        let (verdicts, management, operators) = capykeys(&store, &clock);
        let new = NewOrganization {
            name: OrganizationName::parse("Acme").unwrap(),
            slug: Slug::parse("acme").unwrap(),
            clerk: None,
        };
        let organization = operators.create_organization(new, &context()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let drain = Drain::new();
        let surface = surface(Arc::clone(&management));
        let server = capykeys_http::serve(listener, surface, verdicts, drain.clone(), &settings).unwrap();
        let handle = server.handle();
        tokio::spawn(server);
        Self { address, management, operators, store, clock, drain, organization, handle }
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

fn capykeys(store: &MoodyStore, clock: &Arc<ManualClock>) -> (Arc<Verdicts>, Arc<Management>, Operators) {
    let (moody, model) = (Arc::new(store.clone()), Arc::new(store.model.clone()));
    let pepper = Pepper::new(PepperId::parse("1").unwrap(), Zeroizing::new([1; 32]));
    let peppers = Peppers::new(pepper, Vec::new()).unwrap();
    let entropy = Arc::new(SeededEntropy::default());
    let (format, scopes) = (KeyFormat::default(), ScopeCatalogue::default());
    let environment = Arc::new(Environment::new(clock.clone(), entropy, format, peppers, scopes));
    let (keys, uses) = (Arc::new(Unremembered(moody.clone())), Arc::new(ToldUses::default()));
    let verdicts = Verdicts::new(environment.clone(), keys, uses, moody.clone(), None);
    let management =
        Management::new(environment.clone(), moody, model.clone(), model.clone(), Arc::new(NoReplicas));
    let operators = Operators::new(environment, model.clone(), model, Arc::new(NoReplicas));
    (Arc::new(verdicts), Arc::new(management), operators)
}
