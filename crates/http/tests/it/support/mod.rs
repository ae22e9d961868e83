//! A server over the reference model, and a client that sends any bytes.

mod client;

use std::{
    fmt::Write,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::dev::ServerHandle;
use capykeys_conformance::{fixtures::context, service::Service};
use capykeys_domain::{
    model::{KeySpec, Organization, OrganizationName, ScopeCatalogue, Slug},
    usecases::{CreatedKey, Management, NewOrganization},
};
use capykeys_gateway::Gateways;
use capykeys_http::{
    BasePath, ClusterAuthentication, Drain, Internal, Public, SECRET_MEMBERS, SecretsCovered, Settings,
    Surface,
};
use capykeys_pages::Page;
pub(crate) use client::{Answer, Connection};

/// A server, its organization, and what a test may turn.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) service: Service,
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

    /// The same with another one for the time between two requests.
    pub(crate) async fn with_limits(request_timeout: Duration, idle_timeout: Duration) -> Self {
        let settings = Settings { idle_timeout, ..settings(request_timeout) };
        Self::served(BasePath::default(), settings).await
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
        Self::served(base_path, settings(request_timeout)).await
    }

    async fn served(base_path: BasePath, settings: Settings) -> Self {
        let pages = vec![Page::docs(), Page::console()];
        let secrets = SecretsCovered::check(&ScopeCatalogue::default(), &SECRET_MEMBERS).unwrap();
        let surface = |management| Surface::Public(Public { base_path, management, pages, secrets });
        Self::serving(surface, settings).await
    }

    async fn serving(surface: impl FnOnce(Arc<Management>) -> Surface, settings: Settings) -> Self {
        let service = Service::default();
        let new = NewOrganization {
            name: OrganizationName::parse("Acme").unwrap(),
            slug: Slug::parse("acme").unwrap(),
            clerk: None,
        };
        let organization = service.operators.create_organization(new, &context()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let drain = Drain::new();
        let surface = surface(Arc::clone(&service.management));
        let verdicts = Arc::clone(&service.verdicts);
        let server = capykeys_http::serve(listener, surface, verdicts, drain.clone(), &settings).unwrap();
        let handle = server.handle();
        tokio::spawn(server);
        Self { address, service, drain, organization, handle }
    }

    /// A key of the organization with these scopes, made by an operator.
    pub(crate) async fn key(&self, scopes: &[&str]) -> CreatedKey {
        self.service.key(&self.organization, scopes).await
    }

    /// A key of the organization, made by an operator.
    pub(crate) async fn key_for(&self, spec: KeySpec) -> CreatedKey {
        self.service.key_for(&self.organization, spec).await
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
        callers: ClusterAuthentication::Trusted,
        tls: None,
    }
}
