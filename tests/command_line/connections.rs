//! Many connections at once.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use capykeys_tests::{Installation, Server, Store, Tenant, on_every_store, secrets};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(20);

on_every_store![connections_to_the_api_take_nothing_from_the_cluster_nor_from_the_store];

fn connect(address: SocketAddr) -> Option<TcpStream> {
    TcpStream::connect_timeout(&address, LIMIT).ok()
}

fn connections_to_the_api_take_nothing_from_the_cluster_nor_from_the_store(store: Store) {
    let installation = Arc::new(Installation::new(store).with_open_files(300));
    let server = Server::start(&installation);
    server.says(LIMIT, "too few open files");
    let key = Tenant::new(&server).key_with(&["jobs:read"]).plaintext;
    // More than there are files. They wait to be accepted, in the system.
    let idle: Vec<_> = (0..400).map_while(|_| connect(server.address())).collect();
    assert_eq!(idle.len(), 400);
    for index in 0..20 {
        let verdict = server.call_internal(Method::POST, "/v1/api-keys/verify");
        let key = if index % 2 == 0 { key.clone() } else { secrets::unknown_key().to_owned() };
        verdict.json(&json!({"api_key": key})).send().expect(200);
    }
    drop(idle);
}

#[test]
fn a_burst_of_connections_waits_in_the_system() {
    // The most that the system lets a listener have, which is 128 for whoever does not ask for more.
    let longest = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let burst = longest.trim().parse::<usize>().unwrap().min(500);
    let server = Server::start(&Arc::new(Installation::new(Store::first())));
    let listeners = [server.address(), server.internal_address(), server.grpc_address()];
    // It accepts nothing; a connection that finds no place is tried again and again, in vain.
    server.signal(Signal::STOP);
    for address in listeners {
        let connections: Vec<_> = (0..burst).map_while(|_| connect(address)).collect();
        assert_eq!(connections.len(), burst, "at {address}");
    }
    server.signal(Signal::CONT);
}
