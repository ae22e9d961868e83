//! The issuer of sessions goes away: 503 where its keys are not known, never 401.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use capykeys_tests::{
    Installation, Server, Store,
    clerk::{self, Session},
    server::free_address,
    wait,
};

/// An installation that fetches the issuer's keys from `address`.
fn installation(address: SocketAddr) -> Installation {
    Installation::new(Store::first())
        .unset("CLERK__INSTANCES__DEV__PEM_FILE")
        .set("CLERK__INSTANCES__DEV__JWKS_URL", &format!("http://{address}/.well-known/jwks.json"))
}

/// Answers every request with the issuer's keys, until the process ends.
fn publish(listener: TcpListener) {
    thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { continue };
            let _ = connection.read(&mut [0; 4096]);
            let body = clerk::jwks().to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = connection.write_all((head + &body).as_bytes());
        }
    });
}

#[test]
fn keys_are_fetched_from_the_issuer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let installation = installation(listener.local_addr().unwrap());
    publish(listener);
    let server = Server::start(&Arc::new(installation));
    let session = Session::new();
    let me = server.get("/v1/me").bearer(&session.sign()).send().expect(200);
    assert_eq!(me["principal"]["user_id"], session.user());
    server.get("/v1/me").bearer(&session.sign_with_another_key()).send().error(401);
}

#[test]
fn the_age_of_the_keys_is_measured() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let installation = installation(listener.local_addr().unwrap());
    publish(listener);
    let server = Server::start(&Arc::new(installation));
    server.get("/v1/me").bearer(&Session::new().sign()).send().expect(200);
    let age = || server.metric("capykeys_jwks_age_seconds{server_address=\"127.0.0.1\"}");
    let first = age().expect("the keys were fetched");
    assert!((0.0..300.0).contains(&first), "{first}");
    wait::until("they get older", Duration::from_mins(1), || age().filter(|age| *age > first));
}

#[test]
fn an_issuer_that_cannot_be_reached_is_503_and_never_401() {
    let address = free_address();
    let server = Server::start(&Arc::new(installation(address)));
    let token = Session::new().sign();
    for _ in 0..3 {
        server.get("/v1/me").bearer(&token).send().error(503);
    }
    // Keys do not need the issuer, and so the service is ready.
    assert_eq!(server.get("/readyz").send().status, 200);
    publish(TcpListener::bind(address).unwrap());
    wait::until("sessions are accepted", Duration::from_mins(1), || {
        (server.get("/v1/me").bearer(&token).send().status == 200).then_some(())
    });
}

#[test]
fn an_issuer_that_says_nothing_is_503_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::start(&Arc::new(installation(listener.local_addr().unwrap())));
    let start = Instant::now();
    server.get("/v1/me").bearer(&Session::new().sign()).send().error(503);
    assert!(start.elapsed() < Duration::from_secs(11), "{:?}", start.elapsed());
    drop(listener);
}
