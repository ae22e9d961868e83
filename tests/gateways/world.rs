//! The service that all gateways ask, and its callers.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use capykeys_tests::{
    Created, Installation, Server, Store, Tenant,
    clerk::{self, Session},
    clock,
    gateway::Interface,
    server::Leash,
    wait,
};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(20);

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/gateways/rules.toml");

/// The project that callers ask for.
pub(crate) const PROJECT: &str = "p_1";
/// Where callers go, and what it needs: `jobs:read` in that project.
pub(crate) const JOBS: &str = "/v1/projects/p_1/jobs/7";
/// Where they go without showing anything.
pub(crate) const PUBLIC: &str = "/public/status";

/// The service and the credentials of its callers.
pub(crate) struct World {
    internal: SocketAddr,
    grpc: SocketAddr,
    /// The organization of all callers.
    pub(crate) tenant: Tenant<'static>,
    /// A key that may read the jobs of the project, and nothing else.
    pub(crate) jobs: Created,
    /// One that may read its backups, and nothing else.
    pub(crate) backups: Created,
    /// One that may read the jobs of another project.
    pub(crate) elsewhere: Created,
    /// One that ends in some days.
    pub(crate) ending: Created,
    /// One that might, if it had not expired.
    pub(crate) expired: Created,
    clerk_organization: String,
}

/// The world of all tests of this process.
pub(crate) static WORLD: LazyLock<World> = LazyLock::new(World::start);

impl World {
    fn start() -> Self {
        let installation = Installation::new(Store::first())
            .set("INTERNAL__LISTEN", "127.0.0.1:0")
            .set("INTERNAL__AUTHORIZE__RULES_FILE", RULES)
            .set("LOG__LEVEL", "info");
        // It serves until the test process ends.
        let server: &Server = Box::leak(Box::new(Server::start(&Arc::new(installation))));
        Box::leak(Box::new(Leash::on(server)));
        let clerk_organization = clerk::organization_id();
        let tenant = Tenant::with_clerk(server, &clerk_organization);
        let expires_at = clock::ahead(Duration::from_secs(1));
        let expired = tenant.create(&json!({
            "name": "short", "scopes": ["jobs:read"], "project_id": PROJECT, "expires_at": expires_at,
        }));
        let ending = tenant.create(&json!({
            "name": "ending", "scopes": ["jobs:read"], "project_id": PROJECT,
            "expires_at": clock::ahead(Duration::from_hours(24 * 3)),
        }));
        wait::until("the key expires", LIMIT, || (!tenant.accepts(&expired.plaintext)).then_some(()));
        Self {
            internal: server.internal_address(),
            grpc: server.grpc_address(),
            jobs: key(&tenant, "jobs:read", PROJECT),
            backups: key(&tenant, "backups:read", PROJECT),
            elsewhere: key(&tenant, "jobs:read", "p_2"),
            ending,
            expired,
            clerk_organization,
            tenant,
        }
    }

    /// Where gateways ask.
    pub(crate) const fn address(&self, interface: Interface) -> SocketAddr {
        match interface {
            Interface::Http => self.internal,
            Interface::Grpc => self.grpc,
        }
    }

    /// A new key with one scope, for one project.
    pub(crate) fn key(&self, scope: &str, project: &str) -> Created {
        key(&self.tenant, scope, project)
    }

    /// A session of a member of the organization.
    pub(crate) fn session(&self) -> Session {
        Session::member(&self.clerk_organization)
    }
}

fn key(tenant: &Tenant<'_>, scope: &str, project: &str) -> Created {
    tenant.create(&json!({"name": "key", "scopes": [scope], "project_id": project}))
}
