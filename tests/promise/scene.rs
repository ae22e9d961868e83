//! Two replicas on one PostgreSQL.

use std::{
    mem,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use capykeys_testkit::{Bouncer, Cluster, Proxy};
use capykeys_tests::{Created, Installation, Server, Tenant, wait};
use rustix::process::Signal;
use serde_json::json;
use tokio::runtime;

use crate::{
    driver::{Target, locked},
    postgres::SETTINGS,
    revoker::{Means, Revoker},
    settings::LEASE,
};

/// What replicas call their connections for the change feed.
pub(crate) const FEED: &str = "capykeys feed";

/// Within which a busy machine has done what it was asked to.
const LIMIT: Duration = Duration::from_mins(1);

/// Names, without `CAPYKEYS__`, and values.
pub(crate) type Settings<'a> = &'a [(&'a str, &'a str)];

/// What is between replica B and PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Direct,
    /// A proxy with faults.
    Proxied,
    /// A `PgBouncer`, which replica A is behind too.
    Bounced,
    /// A `PgBouncer` that replica A is not behind.
    BouncedAlone,
}

/// Replica A, through which keys are revoked, and replica B, which verifies them.
pub(crate) struct Scene {
    pub(crate) a: Server,
    pub(crate) b: Server,
    /// Where A listens.
    front: Target,
    /// Where B listens for the cluster.
    pub(crate) target: Target,
    /// L of replica B: for how long it may act on what it remembers.
    pub(crate) lease: Duration,
    /// The organization that owns the keys.
    tenant: Owned,
    /// The name of the database.
    database: String,
    /// The address by which each replica reaches it.
    routes: [String; 2],
    proxy: Option<Proxy>,
    // After those that use them, so that they end last.
    bouncer: Option<Bouncer>,
    _runtime: runtime::Runtime,
    /// Where it does not share the one that most scenes are on.
    own: Option<Cluster>,
}

/// Which PostgreSQL a scene is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// One that others are on too, and that does not wait for the disk.
    Shared,
    /// One of its own, which does, and may be killed.
    Own,
}

fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::start_with(false, SETTINGS))
}

/// A [`Tenant`] without its server.
#[derive(Clone)]
pub(crate) struct Owned {
    id: String,
    pub(crate) admin: String,
    admin_id: String,
}

impl Owned {
    /// As an operator does, with time enough for a machine that is busy.
    pub(crate) fn create(database: &str) -> Self {
        let commands = Installation::on_postgres(database).set("POSTGRES__DEADLINE", "10000ms");
        let organization = commands.json(&["organizations", "create", "--name", "Promised"]);
        let id = organization["id"].as_str().expect("an id").to_owned();
        let arguments = ["keys", "create", "--organization", &id, "--name", "admin", "--scope", "*"];
        let admin = Created::from_body(&commands.json(&arguments));
        Self { id, admin_id: admin.id().to_owned(), admin: admin.plaintext }
    }

    /// As a server knows it.
    pub(crate) fn on<'a>(&self, server: &'a Server) -> Tenant<'a> {
        let Self { id, admin, admin_id } = self.clone();
        Tenant { server, id, admin, admin_id }
    }
}

impl Scene {
    /// Both replicas, started.
    pub(crate) fn new(route: Route, on: On) -> Self {
        Self::with(route, on, &[], &[])
    }

    /// The same, with settings that differ between the two.
    pub(crate) fn with(route: Route, on: On, of_a: Settings<'_>, of_b: Settings<'_>) -> Self {
        let own = (on == On::Own).then(|| Cluster::start_with(true, SETTINGS));
        let cluster = own.as_ref().unwrap_or_else(|| shared());
        let database = cluster.create_database();
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime for the proxy");
        let proxy = (route == Route::Proxied).then(|| runtime.block_on(Proxy::start(cluster.address())));
        let is_bounced = matches!(route, Route::Bounced | Route::BouncedAlone);
        let bouncer = is_bounced.then(|| Bouncer::start(cluster));
        let direct = cluster.url(&database);
        let around = bouncer.as_ref().map(Bouncer::address).or(proxy.as_ref().map(Proxy::address));
        let around = around
            .map_or_else(|| direct.clone(), |address| format!("postgres://postgres@{address}/{database}"));
        let routes = [if route == Route::Bounced { around.clone() } else { direct.clone() }, around];
        let a = start(&direct, &routes[0], of_a);
        let b = start(&direct, &routes[1], of_b);
        let tenant = Owned::create(&direct);
        let front = Arc::new(Mutex::new(a.address()));
        let target = Arc::new(Mutex::new(b.internal_address()));
        let lease = lease(of_b);
        Self { a, b, front, target, lease, tenant, database, routes, proxy, bouncer, _runtime: runtime, own }
    }

    /// The organization, as replica A knows it.
    pub(crate) fn tenant(&self) -> Tenant<'_> {
        self.tenant.on(&self.a)
    }

    /// New keys, however busy the machine is.
    pub(crate) fn keys(&self, count: usize) -> Vec<Created> {
        let (tenant, body) = (self.tenant(), json!({"name": "key", "scopes": ["jobs:read", "schema:read"]}));
        let create = || {
            let answer = tenant.creation(&tenant.admin, &body).send();
            (answer.status != 503).then(|| Created::from_body(&answer.expect(201)))
        };
        (0..count).map(|_| wait::until("a key is created", LIMIT, create)).collect()
    }

    /// What revokes the organization's keys through replica A.
    pub(crate) fn revoker(&self) -> Revoker {
        Revoker {
            replica: Arc::clone(&self.front),
            path: self.tenant().keys_path(),
            admin: self.tenant.admin.clone(),
            database: self.database_url(),
            means: Means::Delete,
        }
    }

    /// The PostgreSQL.
    pub(crate) fn cluster(&self) -> &Cluster {
        self.own.as_ref().unwrap_or_else(|| shared())
    }

    /// The address of the database, past proxies.
    pub(crate) fn database_url(&self) -> String {
        self.cluster().url(&self.database)
    }

    /// The `PgBouncer` before replica B.
    pub(crate) fn bouncer(&self) -> &Bouncer {
        self.bouncer.as_ref().expect("a bounced scene")
    }

    /// One more replica, on the way that A has.
    pub(crate) fn another(&self, more: Settings<'_>) -> Server {
        start(&self.database_url(), &self.routes[0], more)
    }

    /// Puts another replica in the place of A and ends A in good order.
    pub(crate) fn replace_a(&mut self, more: Settings<'_>) {
        let new = start(&self.database_url(), &self.routes[0], more);
        *locked(&self.front) = new.address();
        leave(&mem::replace(&mut self.a, new));
    }

    /// Puts another replica in the place of B and ends B in good order.
    pub(crate) fn replace_b(&mut self, more: Settings<'_>) {
        let new = start(&self.database_url(), &self.routes[1], more);
        *locked(&self.target) = new.internal_address();
        leave(&mem::replace(&mut self.b, new));
    }

    /// The proxy before replica B.
    pub(crate) fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("a proxied scene")
    }

    /// Kills replica A and starts it again.
    pub(crate) fn restart_a(&mut self) {
        restart(&mut self.a);
        *locked(&self.front) = self.a.address();
    }

    /// Kills replica B and starts it again.
    pub(crate) fn restart_b(&mut self) {
        restart(&mut self.b);
        *locked(&self.target) = self.b.internal_address();
    }
}

/// Ends a replica as a rolling restart does.
pub(crate) fn leave(server: &Server) {
    server.signal(Signal::TERM);
    server.wait_for_exit(LIMIT);
}

fn lease(settings: Settings<'_>) -> Duration {
    let set = settings.iter().find(|(name, _)| *name == "CACHE__LEASE");
    let milliseconds = |value: &str| value.strip_suffix("ms")?.parse().ok();
    set.map_or(LEASE, |(_, value)| Duration::from_millis(milliseconds(value).expect("milliseconds")))
}

fn restart(server: &mut Server) {
    server.kill();
    *server = Server::start(&Arc::clone(server.installation()));
}

/// A replica on the database at `direct`, which is reached as `url`: migrations do not pass a pooler.
pub(crate) fn start(direct: &str, url: &str, more: Settings<'_>) -> Server {
    let installation = Installation::on_postgres(direct)
        .by_way_of(url)
        .set("INTERNAL__LISTEN", "127.0.0.1:0")
        // Thousands of verifications a second are not worth a line each.
        .set("LOG__LEVEL", "info,capykeys::access=warn");
    let installation = more.iter().fold(installation, |all, (name, value)| all.set(name, value));
    Server::start(&Arc::new(installation))
}
