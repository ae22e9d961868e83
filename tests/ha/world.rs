//! Three nodes, three servers, and what is between them.

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

use capykeys_testkit::{
    Balancer, Host, Network, Patroni,
    patroni::{Plan, Replication},
};
use capykeys_tests::{
    Created, Installation, Server, installation,
    postgres::execute,
    settings::{cluster_program, gateway},
};

use crate::{client::Account, work::Front};

/// Of nodes, and of servers.
pub(crate) const COUNT: usize = 3;
const DATABASE: &str = "promised";
/// What fits on a node's disk: the program's own files are 40 MB, and the feed and its log are small.
const DISK: &str = "600m";

/// All of it; the servers end first.
pub(crate) struct World<'a> {
    pub(crate) servers: Vec<Server>,
    /// Where each server's listener for the cluster can be reached: it trusts its own host alone.
    verifiers: Vec<Balancer>,
    /// Where each finds the primary.
    pub(crate) balancers: Vec<Balancer>,
    pub(crate) cluster: Patroni,
    pub(crate) network: &'a Network,
}

/// A network with room for a world.
pub(crate) fn network() -> Network {
    Network::start(2 * u8::try_from(COUNT).expect("few"))
}

impl<'a> World<'a> {
    /// Starts all of it.
    pub(crate) fn start(network: &'a Network) -> Self {
        let (nodes, others) = network.hosts().split_at(COUNT);
        let cluster = Patroni::on(&Plan {
            patroni: &cluster_program("patroni"),
            etcd: &cluster_program("etcd"),
            nodes,
            members: nodes,
            replication: Replication::Strict,
            disk: Some(DISK),
        });
        execute(&url(&cluster, "postgres"), &format!("CREATE DATABASE {DATABASE}"));
        drop(Installation::on_postgres(&url(&cluster, DATABASE)));
        let haproxy = gateway("haproxy");
        let balancers: Vec<_> =
            others.iter().map(|host| Balancer::following(host, &haproxy, &cluster)).collect();
        let servers: Vec<_> =
            others.iter().zip(&balancers).map(|(host, balancer)| start(host, balancer)).collect();
        let verifiers = others.iter().zip(&servers);
        let verifiers =
            verifiers.map(|(host, server)| Balancer::start_on(host, &haproxy, &[server.internal_address()]));
        let verifiers = verifiers.collect();
        Self { servers, verifiers, balancers, cluster, network }
    }

    /// The host of a node.
    pub(crate) fn node(&self, number: usize) -> &'a Host {
        &self.network.hosts()[number]
    }

    /// The host of a server.
    pub(crate) fn server(&self, number: usize) -> &'a Host {
        &self.network.hosts()[COUNT + number]
    }

    pub(crate) fn fronts(&self) -> Vec<Front> {
        let front = |(server, verifier): (&Server, &Balancer)| Front {
            verifier: verifier.address(),
            ..Front::of(server)
        };
        self.servers.iter().zip(&self.verifiers).map(front).collect()
    }

    /// New organizations, one for each client, made as an operator does.
    pub(crate) fn accounts(&self) -> Vec<Account> {
        let commands =
            Installation::on_database(&url(&self.cluster, DATABASE)).set("POSTGRES__DEADLINE", "10s");
        let account = |number: usize| {
            let name = format!("Client {number}");
            let organization = commands.json(&["organizations", "create", "--name", &name]);
            let id = organization["id"].as_str().expect("an id");
            let arguments = ["keys", "create", "--organization", id, "--name", "admin", "--scope", "*"];
            let admin = Created::from_body(&commands.json(&arguments)).plaintext;
            Account { path: format!("/v1/organizations/{id}/api-keys"), admin }
        };
        (0..COUNT).map(account).collect()
    }
}

/// The address of a database on the primary, past everything.
fn url(cluster: &Patroni, database: &str) -> String {
    let primary = cluster.primary().expect("a primary");
    address(cluster.address(primary), database)
}

/// The network is this machine's alone.
fn address(server: SocketAddr, database: &str) -> String {
    format!("postgres://postgres@{server}/{database}?sslmode=disable")
}

/// A server on this host, which reaches the database by its own balancer.
fn start(host: &Host, balancer: &Balancer) -> Server {
    let installation = Installation::on_database(&address(balancer.address(), DATABASE));
    let program = installation.directory().join("capykeys-there");
    let line = format!("exec {} {} \"$@\"\n", host.prefix().join(" "), installation::binary().display());
    fs::write(&program, format!("#!/bin/sh\n{line}")).expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
    let installation = installation
        .with_program(&program)
        .set("SERVER__LISTEN", &format!("{}:0", host.address()))
        // Thousands of verifications a second are not worth a line each.
        .set("LOG__LEVEL", "info,capykeys::access=warn");
    Server::start(&Arc::new(installation))
}

/// Waits for something that may never come, which is to be told then.
pub(crate) fn await_that(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) -> Result<(), String> {
    let start = std::time::Instant::now();
    while !holds() {
        if start.elapsed() > limit {
            return Err(format!("not within {limit:?}: {what}"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
