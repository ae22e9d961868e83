//! PostgreSQL goes away and comes back: 503 within a second, served again within two, no restart.
//!
//! These times are the specification, so they are asserted.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use capykeys_testkit::{Cluster, Proxy};
use capykeys_tests::{Answer, Installation, Server, Tenant, on_one_store, postgres, secrets, settings};
use serde_json::json;

on_one_store![
    postgresql:
    postgresql_is_stopped_and_started,
    postgresql_is_killed_and_started_and_no_secret_is_in_its_own_log,
    postgresql_restarts_between_two_requests,
    postgresql_refuses_logins,
    postgresql_stands_still,
    the_network_swallows_everything,
    the_network_is_cut,
    open_connections_die_silently,
    a_service_that_starts_without_postgresql_serves_when_it_comes,
];

/// Within which a caller is told that the store is away.
const TOLD_WITHIN: Duration = Duration::from_secs(1);
/// Within which callers are served again.
const SERVED_WITHIN: Duration = Duration::from_secs(2);

/// A service on a PostgreSQL that nobody else uses.
struct Scene {
    cluster: Cluster,
    server: Server,
}

impl Scene {
    fn new() -> Self {
        let cluster = Cluster::start(true);
        let installation =
            Installation::on_postgres(&postgres::database_of(&cluster)).set("LOG__LEVEL", "info");
        let server = Server::start(&Arc::new(installation));
        Self { cluster, server }
    }
}

/// What a client does, and how long it took.
fn timed(send: impl FnOnce() -> Answer) -> (Answer, Duration) {
    let start = Instant::now();
    let answer = send();
    (answer, start.elapsed())
}

#[track_caller]
fn told_in_time(what: &str, send: impl FnOnce() -> Answer) {
    let (answer, took) = timed(send);
    answer.error(503);
    let seconds: u32 = answer.header("retry-after").unwrap().parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{what}: Retry-After: {seconds}");
    assert!(took <= TOLD_WITHIN, "{what}: told after {took:?}");
}

/// What callers see while PostgreSQL is away, for as long as the tests are set to.
#[track_caller]
fn assert_away(acme: &Tenant<'_>) {
    let server = acme.server;
    let end = Instant::now() + settings::fault_duration();
    let body = json!({"name": "n", "scopes": ["jobs:read"]});
    while Instant::now() < end {
        told_in_time("GET", || acme.listing(&acme.admin).send());
        told_in_time("POST", || acme.creation(&acme.admin, &body).send());
        told_in_time("DELETE", || acme.revocation(&acme.admin, &acme.admin_id).send());
        told_in_time("/v1/me", || server.get("/v1/me").bearer(&acme.admin).send());
        told_in_time("/readyz", || server.get("/readyz").send());
        let (livez, took) = timed(|| server.get("/livez").send());
        assert!(livez.status == 200 && took < TOLD_WITHIN, "/livez: {livez:?} after {took:?}");
        // What is known without the store is still said.
        server.get("/v1/me").bearer("wrong").send().error(401);
    }
    many_at_once_are_told_in_time(acme);
}

/// More than there are connections in the pool.
fn many_at_once_are_told_in_time(acme: &Tenant<'_>) {
    thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| told_in_time("one of many", || acme.listing(&acme.admin).send()));
        }
    });
}

/// That reads and writes are served again in time, all of them and for good.
#[track_caller]
fn assert_served_again(acme: &Tenant<'_>) {
    let healed = Instant::now();
    loop {
        if acme.listing(&acme.admin).send().status == 200 && acme.server.get("/readyz").send().status == 200 {
            break;
        }
        assert!(healed.elapsed() < SERVED_WITHIN, "not served again after {:?}", healed.elapsed());
        thread::sleep(Duration::from_millis(20));
    }
    let served = healed.elapsed();
    assert!(served <= SERVED_WITHIN, "served again after {served:?}");
    thread::sleep(SERVED_WITHIN.saturating_sub(healed.elapsed()));
    thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| {
                let created = acme.key_with(&["jobs:read"]);
                assert!(acme.accepts(&created.plaintext));
                acme.revoke(created.id());
            });
        }
    });
}

/// Takes PostgreSQL away and gives it back.
#[track_caller]
fn away_and_back(acme: &Tenant<'_>, take: impl FnOnce(), give: impl FnOnce()) {
    take();
    assert_away(acme);
    give();
    assert_served_again(acme);
}

fn postgresql_is_stopped_and_started() {
    let scene = Scene::new();
    let acme = Tenant::new(&scene.server);
    away_and_back(&acme, || scene.cluster.stop(), || scene.cluster.start_again());
}

fn postgresql_is_killed_and_started_and_no_secret_is_in_its_own_log() {
    let scene = Scene::new();
    let acme = Tenant::new(&scene.server);
    away_and_back(&acme, || scene.cluster.kill(), || scene.cluster.start_again());
    let log = scene.cluster.log();
    assert!(log.contains("database system is ready"), "{log}");
    assert_eq!(log.lines().find_map(secrets::found_in), None);
    assert!(!log.contains(&secrets::digest(&acme.admin)), "a digest is in the log");
}

fn postgresql_restarts_between_two_requests() {
    let scene = Scene::new();
    let acme = Tenant::new(&scene.server);
    acme.list();
    scene.cluster.stop();
    scene.cluster.start_again();
    assert_served_again(&acme);
}

/// Of the role that the service works with, as an administrator does by mistake.
fn postgresql_refuses_logins() {
    let scene = Scene::new();
    let acme = Tenant::new(&scene.server);
    let execute = |statement: &str| scene.cluster.execute("template1", statement);
    let refuse = || {
        execute("UPDATE pg_database SET datallowconn = false WHERE datname NOT LIKE 'template%'");
        execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname NOT LIKE 'template%'");
    };
    let allow = || execute("UPDATE pg_database SET datallowconn = true WHERE datname NOT LIKE 'template%'");
    away_and_back(&acme, refuse, allow);
}

fn postgresql_stands_still() {
    let scene = Scene::new();
    let acme = Tenant::new(&scene.server);
    away_and_back(&acme, || scene.cluster.pause(), || scene.cluster.resume());
}

/// A service that reaches its PostgreSQL through a proxy with faults.
struct Network {
    proxy: Proxy,
    server: Server,
    // After those that use them, so that they end last.
    _runtime: tokio::runtime::Runtime,
    _cluster: Cluster,
}

impl Network {
    fn new() -> Self {
        let cluster = Cluster::start(false);
        let database = cluster.create_database();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let proxy = runtime.block_on(Proxy::start(cluster.address()));
        let url = format!("postgres://postgres@{}/{database}", proxy.address());
        let server = Server::start(&Arc::new(Installation::on_postgres(&url).set("LOG__LEVEL", "info")));
        Self { proxy, server, _runtime: runtime, _cluster: cluster }
    }
}

fn the_network_swallows_everything() {
    let network = Network::new();
    let acme = Tenant::new(&network.server);
    acme.list();
    away_and_back(&acme, || network.proxy.swallow(true), || network.proxy.heal());
}

fn the_network_is_cut() {
    let network = Network::new();
    let acme = Tenant::new(&network.server);
    away_and_back(&acme, || network.proxy.cut(), || network.proxy.heal());
}

/// As by a firewall that lost its table: what was open is dead and says nothing; new ones work.
fn open_connections_die_silently() {
    let network = Network::new();
    let acme = Tenant::new(&network.server);
    // So that the pool is full of connections.
    thread::scope(|scope| (0..40).for_each(|_| drop(scope.spawn(|| acme.list()))));
    network.proxy.forget();
    assert_served_again(&acme);
}

fn a_service_that_starts_without_postgresql_serves_when_it_comes() {
    let cluster = Cluster::start(true);
    let installation = Arc::new(Installation::on_postgres(&postgres::database_of(&cluster)));
    let first = Server::start(&installation);
    let acme = Tenant::new(&first);
    cluster.stop();
    let server = Server::start(&installation);
    let acme = Tenant { server: &server, ..acme };
    assert_away(&acme);
    cluster.start_again();
    assert_served_again(&acme);
}
