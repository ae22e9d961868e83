//! Everything that runs in the demo.

use std::{
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use capykeys_testkit::Cluster;
use capykeys_tests::{
    Installation, Server, Tenant,
    gateway::{Place, envoy},
    postgres::database_of,
    server::{Leash, free_address},
    wait,
};
use rustix::process::Signal;
use tokio::runtime::Runtime;

use crate::{prometheus::Prometheus, upstream};

const LIMIT: Duration = Duration::from_secs(30);

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/gateways/rules.toml");

/// In the order in which it is ended.
pub(crate) struct Stage {
    /// A key of the organization that may do everything, and one for its visitors.
    pub(crate) admin: String,
    pub(crate) visitor: String,
    /// The path of the organization's keys.
    pub(crate) keys_path: String,
    pub(crate) gateway: SocketAddr,
    upstream: SocketAddr,
    database: String,
    envoy: Leash,
    prometheus: Option<Prometheus>,
    pub(crate) servers: [Server; 2],
    leashes: [Leash; 2],
    _cluster: Cluster,
}

impl Stage {
    pub(crate) fn start(runtime: &Runtime) -> Self {
        // How fast the disk is, is not what is shown.
        let cluster = Cluster::start(false);
        let database = database_of(&cluster);
        let installation = configured(Installation::on_postgres(&database));
        let beside = configured(installation.beside());
        let servers = [installation, beside].map(|installation| Server::start(&Arc::new(installation)));
        let leashes = servers.each_ref().map(Leash::on);
        let Tenant { admin, id, .. } = Tenant::new(&servers[0]);
        let keys_path = format!("/v1/organizations/{id}/api-keys");
        let key = ["keys", "create", "--organization", &id, "--name", "visitor", "--scope", "jobs:read"];
        let key = servers[0].installation().json(&key);
        let visitor = key["plaintext_api_key"].as_str().expect("a key").to_owned();
        let upstream = runtime.block_on(upstream::start());
        let internal = servers.each_ref().map(Server::internal_address);
        let (gateway, envoy) = start_envoy(upstream, internal[1]);
        let prometheus = Prometheus::start(internal);
        Self {
            admin,
            visitor,
            keys_path,
            gateway,
            upstream,
            database,
            envoy,
            prometheus,
            servers,
            leashes,
            _cluster: cluster,
        }
    }

    /// Lines that say where everything is.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let Self { visitor, gateway, upstream, database, keys_path, admin, .. } = self;
        let mut lines = vec![format!("PostgreSQL  {database}")];
        for (number, server) in (1..).zip(&self.servers) {
            let (api, internal) = (server.address(), server.internal_address());
            lines.push(format!("server {number}    http://{api}, for the cluster http://{internal}"));
        }
        lines.push(format!("gateway     http://{gateway} (Envoy, asks server 2)"));
        lines.push(format!("upstream    http://{upstream}"));
        lines.push(match &self.prometheus {
            Some(prometheus) => format!("Prometheus  http://{}", prometheus.address),
            None => "Prometheus  is not on this machine: without it (see scripts/promtool)".to_owned(),
        });
        let api = self.servers[0].address();
        lines.push("try".to_owned());
        lines.push(format!("  curl -i -H 'X-API-Key: {visitor}' http://{gateway}/v1/projects/p_1/jobs/7"));
        lines.push(format!("  curl -H 'Authorization: Bearer {admin}' 'http://{api}{keys_path}?limit=3'"));
        lines.push(String::new());
        lines
    }

    /// Ends everything, each before what it needs.
    pub(crate) fn stop(self) {
        drop((self.envoy, self.prometheus));
        for server in &self.servers {
            server.signal(Signal::TERM);
        }
        for server in &self.servers {
            server.wait_for_exit(LIMIT);
        }
        drop(self.leashes);
    }
}

fn configured(installation: Installation) -> Installation {
    installation
        .apart()
        .set("INTERNAL__AUTHORIZE__RULES_FILE", RULES)
        .set("LOG__LEVEL", "info,capykeys::access=warn")
}

fn start_envoy(upstream: SocketAddr, service: SocketAddr) -> (SocketAddr, Leash) {
    let directory = tempfile::tempdir().expect("a folder of its own").keep();
    let clients = free_address();
    let place = Place { directory: &directory, clients, http2: clients, upstream, service };
    let (mut child, log) = envoy::GATEWAY.start(&place);
    let leash = Leash::on_group(child.id(), &directory);
    wait::until("the gateway listens", LIMIT, || {
        let ended = child.try_wait().expect("its state");
        assert!(ended.is_none(), "the gateway has ended: {}", log.text());
        TcpStream::connect(clients).ok()
    });
    (clients, leash)
}
