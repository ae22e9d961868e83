//! Two servers on one PostgreSQL, behind a balancer for each listener that asks whether they are ready.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use capykeys_testkit::Balancer;
use capykeys_tests::{Installation, Server, installation, settings, wait};
use rustix::process::Signal;

const LIMIT: Duration = Duration::from_mins(1);

/// The program as it was released last, and today's.
pub(crate) fn programs() -> [PathBuf; 2] {
    [settings::previous_program(), installation::binary()]
}

/// This program's commands on the database.
pub(crate) fn commands(program: &Path, url: &str) -> Installation {
    Installation::on_database(url)
        .with_program(program)
        // By the name that the last release knows too.
        .unset("SERVER__DRAIN")
        .set("SERVER__DRAIN_MS", "1000")
        .set("LOG__LEVEL", "info,capykeys::access=warn")
}

pub(crate) struct Stand {
    url: String,
    pub(crate) servers: [Server; 2],
    api: Balancer,
    internal: Balancer,
}

impl Stand {
    /// Two servers of this program on a database that is migrated.
    pub(crate) fn new(program: &Path, url: &str) -> Self {
        let servers = [(); 2].map(|()| Server::start(&Arc::new(commands(program, url))));
        let haproxy = settings::gateway("haproxy");
        let before = |listener: fn(&Server) -> SocketAddr| {
            Balancer::of_ready(
                &haproxy,
                &servers.each_ref().map(|server| (listener(server), server.address())),
            )
        };
        let (api, internal) = (before(Server::address), before(Server::internal_address));
        Self { url: url.to_owned(), servers, api, internal }
    }

    /// Where the balancers listen: for the API, and for the cluster.
    pub(crate) fn addresses(&self) -> [SocketAddr; 2] {
        [self.api.address(), self.internal.address()]
    }

    /// Where each server listens for the cluster, whichever program it is.
    pub(crate) fn verifiers(&self) -> [SocketAddr; 2] {
        self.servers.each_ref().map(Server::internal_address)
    }

    /// Ends one server in good order and starts this program in its place.
    pub(crate) fn replace(&mut self, number: usize, program: &Path) {
        let server = &self.servers[number];
        let (address, internal) = (server.address(), server.internal_address());
        server.signal(Signal::TERM);
        assert_eq!(server.wait_for_exit(LIMIT).code(), Some(0), "{}", server.log.text());
        let installation = commands(program, &self.url)
            .set("SERVER__LISTEN", &address.to_string())
            .set("INTERNAL__LISTEN", &internal.to_string());
        self.servers[number] = Server::start(&Arc::new(installation));
        wait::until("the balancers lead to it", LIMIT, || {
            (self.api.leads(number) && self.internal.leads(number)).then_some(())
        });
    }
}
