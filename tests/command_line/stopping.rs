//! Stopping under load.

use std::{
    error::Error,
    io, iter,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use capykeys_tests::{
    Installation, Server, Store, Tenant,
    envoy::{self, Check},
    raw::Raw,
    settings,
};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;
use tonic::{Code, transport::Channel};

const LIMIT: Duration = Duration::from_secs(30);

/// Clients of each listener.
const CLIENTS: usize = 6;

/// How often it is stopped. Before requests were told to be the last of their connection, the first
/// stop of each lost some.
fn rounds() -> usize {
    settings::number("CAPYKEYS_TEST_STOPS", 3)
}

/// A server that is not ready for this long before it stops.
fn server(drain: &str) -> Server {
    Server::start(&Arc::new(Installation::new(Store::first()).set("SERVER__DRAIN", drain)))
}

fn request(method: &str, path: &str, key: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Sends requests on connections that it keeps for as long as the server says, until it finds nobody.
/// Says where it was left without an answer.
fn send_until_refused(
    server: &Server,
    address: SocketAddr,
    request: &str,
    answered: &AtomicU64,
) -> Vec<String> {
    let mut lost = Vec::new();
    while let Ok(mut connection) = Raw::try_connect(server, address) {
        loop {
            let Some(answer) = connection.send(request).try_answer() else {
                lost.push(format!("{request:.30}"));
                break;
            };
            assert_eq!(answer.status, 200);
            answered.fetch_add(1, Ordering::Relaxed);
            if answer.headers.get("connection").is_some_and(|value| value == "close") {
                break;
            }
        }
    }
    lost
}

/// The same over gRPC, where a connection says by itself that it ends.
fn check_until_refused(address: SocketAddr, key: &str, answered: &AtomicU64) -> Vec<String> {
    let channel =
        envoy::block_on(async { Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy() });
    let mut lost = Vec::new();
    loop {
        match Check::of("/").bearer(key).try_on(&channel) {
            Ok(status) => {
                assert_eq!(status, 200);
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) if caused_by(&error, is_refusal) => return lost,
            // It did not leave the client, whose connection had just ended.
            Err(error) if error.code() == Code::Cancelled => {}
            // It crossed with GOAWAY and was not processed (RFC 9113, section 6.8).
            Err(error) if caused_by(&error, is_farewell) => {}
            Err(error) => lost.push(format!("{error:?}")),
        }
    }
}

fn caused_by<E: Error + 'static>(status: &tonic::Status, test: impl Fn(&E) -> bool) -> bool {
    let causes = iter::successors(status.source(), |&error| error.source());
    causes.filter_map(|error| error.downcast_ref()).any(test)
}

fn is_refusal(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionRefused
}

fn is_farewell(error: &h2::Error) -> bool {
    error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR)
}

#[test]
fn no_request_is_lost_when_a_server_stops_under_load() {
    for round in 0..rounds() {
        let server = server("1s");
        let key = Tenant::new(&server).key_with(&["jobs:read"]).plaintext;
        let (server, key) = (&server, key.as_str());
        let listeners = [
            (server.address(), request("GET", "/v1/me", key, "")),
            (
                server.internal_address(),
                request("POST", "/v1/api-keys/verify", key, &json!({"api_key": key}).to_string()),
            ),
        ];
        let grpc = server.grpc_address();
        let answered = [const { AtomicU64::new(0) }; 3];
        let answered = &answered;
        let lost = thread::scope(|scope| {
            let mut clients = Vec::new();
            for _ in 0..CLIENTS {
                for (index, (address, request)) in listeners.iter().enumerate() {
                    let count = &answered[index];
                    clients.push(scope.spawn(move || send_until_refused(server, *address, request, count)));
                }
            }
            clients.push(scope.spawn(move || check_until_refused(grpc, key, &answered[2])));
            capykeys_tests::wait::until("load on every listener", LIMIT, || {
                answered.iter().all(|count| count.load(Ordering::Relaxed) > 50).then_some(())
            });
            server.signal(Signal::TERM);
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(lost.is_empty(), "requests without an answer in round {round}: {lost:?}");
        assert_eq!(server.wait_for_exit(LIMIT).code(), Some(0), "{}", server.log.text());
    }
}

#[test]
fn a_server_that_leaves_says_so_and_serves_everything() {
    let server = server("1m");
    let acme = Tenant::new(&server);
    server.signal(Signal::TERM);
    capykeys_tests::wait::until("it is not ready", LIMIT, || {
        (server.get("/readyz").send().status == 503).then_some(())
    });
    server.get("/livez").send().expect(200);
    let created = acme.key_with(&["jobs:read"]);
    server.get("/v1/me").bearer(&created.plaintext).send().expect(200);
    let verdict = server.call_internal(Method::POST, "/v1/api-keys/verify");
    verdict.json(&json!({"api_key": created.plaintext})).send().expect(200);
    assert_eq!(Check::of("/").bearer(&created.plaintext).ask(&server).status, 200);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        let server = server("10m");
        server.signal(Signal::TERM);
        server.says(LIMIT, "draining");
        server.signal(second);
        assert_eq!(server.wait_for_exit(LIMIT).code(), Some(1), "{}", server.log.text());
    }
}

#[test]
fn a_hang_up_ends_nothing() {
    let server = server("0s");
    server.signal(Signal::HUP);
    server.says(LIMIT, "SIGHUP");
    server.get("/readyz").send().expect(200);
}
