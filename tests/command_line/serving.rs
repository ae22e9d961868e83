//! Starting and stopping.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use capykeys_testkit::shared;
use capykeys_tests::{Installation, Server, Store, Tenant, on_every_store, on_one_store, raw::Raw, secrets};
use rustix::process::Signal;

const LIMIT: Duration = Duration::from_secs(20);

on_every_store![
    sigterm_ends_it_with_0,
    a_request_that_has_begun_is_answered_before_the_end,
    health_tells_whether_it_is_ready,
    one_request_is_one_line_of_the_log;
    tables: refusals_that_were_counted_are_in_the_audit_log_after_sigterm;
    one_server: a_second_server_on_the_same_store_is_refused;
    replicas: several_servers_serve_one_store,
];

on_one_store![postgresql: a_database_without_the_schema_is_not_served, the_schema_can_be_made_at_the_start];

fn server(store: Store) -> Server {
    Server::start(&Arc::new(Installation::new(store)))
}

fn sigterm_ends_it_with_0(store: Store) {
    for signal in [Signal::TERM, Signal::INT] {
        let server = server(store);
        // A connection that is kept open does not hold it up.
        let idle = TcpStream::connect(server.address()).unwrap();
        assert_eq!(server.get("/readyz").send().status, 200);
        server.signal(signal);
        assert_eq!(server.wait_for_exit(LIMIT).code(), Some(0), "{}", server.log.text());
        drop(idle);
    }
}

fn refusals_that_were_counted_are_in_the_audit_log_after_sigterm(store: Store) {
    let server = server(store);
    let acme = Tenant::new(&server);
    let key = acme.key_with(&["jobs:read"]);
    for _ in 0..50 {
        acme.listing(&key.plaintext).send().error(403);
    }
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_exit(LIMIT).code(), Some(0), "{}", server.log.text());
    for occurrences in [1, 49] {
        server.installation().change_row(&format!(
            "UPDATE audit_events SET action = action WHERE outcome = 'denied' AND occurrences = {occurrences}"
        ));
    }
}

fn a_request_that_has_begun_is_answered_before_the_end(store: Store) {
    let server = server(store);
    let acme = Tenant::new(&server);
    let body = r#"{"name":"last","scopes":["jobs:read"]}"#;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        acme.keys_path(),
        acme.admin,
        body.len(),
    );
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    // That the server asks for the body tells that the request has begun.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    server.signal(Signal::TERM);
    server.says(LIMIT, "draining");
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer:.100}");
    assert_eq!(server.wait_for_exit(LIMIT).code(), Some(0));
}

fn health_tells_whether_it_is_ready(store: Store) {
    let server = server(store);
    let url = format!("http://{}", server.address());
    let installation = server.installation();
    let _ = installation.run(&["health", "--url", &url]).expect_success();
    server.kill();
    installation.run(&["health", "--url", &url]).expect_failure();
}

fn one_request_is_one_line_of_the_log(store: Store) {
    let installation = Arc::new(Installation::new(store).set("LOG__LEVEL", "info"));
    let server = Server::start(&installation);
    let acme = Tenant::new(&server);
    acme.server
        .get(&acme.keys_path())
        .bearer(&acme.admin)
        .header("x-request-id", "the-one")
        .send()
        .expect(200);
    acme.server.get("/v1/me").header("x-request-id", "the-refused").send().error(401);
    server.signal(Signal::TERM);
    server.wait_for_exit(LIMIT);
    let log = server.log.to_end(LIMIT);
    for (id, status) in [("the-one", "200"), ("the-refused", "401")] {
        let lines: Vec<_> = log.lines().filter(|line| line.contains(id)).collect();
        let [line] = lines[..] else { panic!("not one line: {lines:?}") };
        assert!(line.contains(status) && line.contains("GET"), "{line}");
    }
    assert!(log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{log}");
}

fn a_second_server_on_the_same_store_is_refused(store: Store) {
    let server = server(store);
    let second = server.installation().run_briefly(&["serve"]);
    let line = second.expect_failure();
    assert!(server.installation().leads_to_its_store(line), "the folder is not named: {line}");
    assert!(line.contains("server") || line.contains("process") || line.contains("use"), "{line}");
    assert_eq!(server.get("/readyz").send().status, 200);
    // The lock goes with the process, however it ends.
    server.kill();
    Server::start(server.installation());
}

#[test]
fn an_address_that_is_taken_is_named() {
    let server = server(Store::first());
    let second = Installation::bare().set("SERVER__LISTEN", &server.address().to_string());
    let second = second.run_briefly(&["serve"]);
    assert!(second.expect_failure().contains(&server.address().to_string()));
}

fn a_database_without_the_schema_is_not_served() {
    let url = shared().url(&shared().create_database());
    let installation = Installation::on_database(&url);
    let output = installation.run_briefly(&["serve"]);
    assert!(output.expect_failure().contains("migrate"), "{}", output.stderr);
    for _ in 0..2 {
        let _ = installation.run(&["migrate"]).expect_success();
    }
    let installation = Arc::new(installation);
    let server = Server::start(&installation);
    assert_eq!(server.get("/readyz").send().status, 200);
    assert!(!server.stdout.text().contains(secrets::KEY_PREFIX), "a key was made on PostgreSQL");
}

fn several_servers_serve_one_store(store: Store) {
    let installation = Arc::new(Installation::new(store));
    let (first, second) = (Server::start(&installation), Server::start(&installation));
    let (here, there) = (Tenant::new(&first), &second);
    let created = here.key_with(&["jobs:read"]);
    there.get("/v1/me").bearer(&created.plaintext).send().expect(200);
    here.revoke(created.id());
    there.get("/v1/me").bearer(&created.plaintext).send().error(401);
}

fn the_schema_can_be_made_at_the_start() {
    let url = shared().url(&shared().create_database());
    let installation = Arc::new(Installation::on_database(&url).set("POSTGRES__MIGRATE_AT_START", "true"));
    let servers: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..3).map(|_| scope.spawn(|| Server::start(&installation))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    for server in &servers {
        assert_eq!(server.get("/readyz").send().status, 200);
    }
}

#[test]
fn readiness_ends_before_the_server_does() {
    let server = server(Store::first());
    let acme = Tenant::new(&server);
    // Two connections that are open before the end begins: one keeps the server waiting.
    let mut waiting = Raw::connect(&server);
    let mut probing = Raw::connect(&server);
    let probe = "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(probing.send(probe).answer().status, 200);
    waiting.send(format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 50\r\n\r\n",
        acme.keys_path(),
        acme.admin
    ));
    server.signal(Signal::TERM);
    server.says(LIMIT, "draining");
    // Either the probe is told so or it finds nobody; it is never told that all is well.
    if let Some(answer) = probing.send(probe).try_answer() {
        answer.error(503);
    }
}

/// What the kernel says of the limit, and whether it would write a core: the process's files belong to
/// root alone where it would not.
#[test]
fn no_core_is_written_unless_it_is_asked_for() {
    let limit = |server: &Server| {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        line.split_whitespace().nth(4).unwrap().to_owned()
    };
    let own = std::fs::read_to_string("/proc/self/limits").unwrap();
    let own = own.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let private = Server::start(&std::sync::Arc::new(Installation::bare()));
    assert_eq!(limit(&private), "0");
    let open = Installation::bare().set("SERVER__CORE_DUMPS", "true");
    let open = Server::start(&std::sync::Arc::new(open));
    assert_eq!(limit(&open), own.split_whitespace().nth(4).unwrap());
}
