//! HTTP itself, well spoken and not: every error is the contract's JSON.

use std::{sync::Arc, time::Duration};

use capykeys_tests::{
    Answer, Installation, Server, Store, Tenant, on_every_store,
    raw::{self, Raw},
};
use reqwest::Method;

on_every_store![
    a_wrong_method_is_told_the_right_ones,
    head_is_answered_without_a_body,
    what_is_no_http_is_refused,
    a_head_that_is_too_large_is_refused,
    a_header_name_that_is_too_large_is_refused,
    a_body_that_is_too_large_is_refused_however_it_comes,
    a_client_that_is_too_slow_is_told_so,
    headers_of_any_bytes_do_no_harm,
    an_answer_leaves_the_connection_usable,
    the_document_is_served_to_everybody,
];

fn a_wrong_method_is_told_the_right_ones(store: Store) {
    let acme = store.tenant();
    let (keys, key) = (acme.keys_path(), acme.key_path(&acme.admin_id));
    let organization = format!("/v1/organizations/{}", acme.id);
    let query = Method::from_bytes(b"QUERY").unwrap();
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        query,
    ];
    for (path, allowed) in [
        ("/v1/me", &[Method::GET, Method::HEAD][..]),
        ("/v1/openapi.json", &[Method::GET, Method::HEAD]),
        (&organization, &[Method::GET, Method::HEAD]),
        (&keys, &[Method::GET, Method::HEAD, Method::POST]),
        (&key, &[Method::GET, Method::HEAD, Method::PATCH, Method::DELETE]),
        ("/status", &[Method::GET, Method::HEAD]),
        ("/livez", &[Method::GET, Method::HEAD]),
        ("/readyz", &[Method::GET, Method::HEAD]),
    ] {
        for method in methods.iter().filter(|method| !allowed.contains(method)) {
            for signed_in in [true, false] {
                let call = acme.server.call(method.clone(), path);
                let answer = if signed_in { call.bearer(&acme.admin) } else { call }.send();
                assert_eq!(answer.status, 405, "{method} {path}");
                let allow: Vec<_> = answer.header("allow").unwrap().split(',').map(str::trim).collect();
                assert!(allowed.iter().all(|method| allow.contains(&method.as_str())), "{path}: {allow:?}");
                assert!(!allow.contains(&method.as_str()), "{path}: {allow:?}");
            }
        }
    }
    assert_eq!(acme.list().len(), 1);
}

/// RFC 9110, section 9.1: wherever GET is.
fn head_is_answered_without_a_body(store: Store) {
    let acme = store.tenant();
    let paths = ["/v1/me", "/livez", "/readyz", "/status", "/v1/openapi.json", "/nowhere", &acme.keys_path()];
    for path in paths {
        let get = acme.server.get(path).bearer(&acme.admin).send();
        let head = acme.server.call(Method::HEAD, path).bearer(&acme.admin).send();
        assert!(head.body.is_empty());
        assert_eq!(head.status, get.status, "{path}: {head:?}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
}

fn what_is_no_http_is_refused(store: Store) {
    let server = store.server();
    for bytes in [
        &b"nonsense\r\n\r\n"[..],
        b"GET /v1/me\r\n\r\n",
        b"GET /v1/me HTTP/3.7\r\n\r\n",
        b"GET /v1/me HTTP/1.1 extra\r\nHost: x\r\n\r\n",
        b"G\x00T /v1/me HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/\x00me HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: x\r\nna me: v\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\x00b\r\n\r\n",
        b"POST /v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST /v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n",
        b"{\"name\":\"n\"}\r\n\r\n",
    ] {
        let answer = Raw::connect(server).send(bytes).finish().answer();
        assert!((400..500).contains(&answer.status), "{:?}: {answer:?}", String::from_utf8_lossy(bytes));
    }
    assert_eq!(server.get("/livez").send().status, 200);
}

fn a_head_that_is_too_large_is_refused(store: Store) {
    let acme = store.tenant();
    let credential = format!("Authorization: Bearer {}", acme.admin);
    let long = |kib: usize| "x".repeat(kib * 1_024);
    for kib in [40, 64, 200, 2_000] {
        let value = format!("X-Large: {}", long(kib));
        raw::request(acme.server, "GET /v1/me", &[&credential, &value], "").error(431);
        let line = format!("GET /v1/{}", long(kib));
        let answer = raw::request(acme.server, &line, &[&credential], "");
        assert!(matches!(answer.status, 400 | 404 | 414 | 431), "a path of {kib} KiB: {answer:?}");
    }
    // Where the limit lies below 64 KiB is not for clients to know.
    let value = format!("X-Large: {}", long(20));
    let answer = raw::request(acme.server, "GET /v1/me", &[&credential, &value], "");
    assert!(matches!(answer.status, 200 | 431), "{answer:?}");
    let many: Vec<_> = (0..1_000).map(|number| format!("X-{number}: v")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let answer = raw::request(acme.server, "GET /v1/me", &many, "");
    assert!(matches!(answer.status, 400 | 431), "{answer:?}");
}

/// From 64 KiB on, the usual libraries cannot hold a name at all.
fn a_header_name_that_is_too_large_is_refused(store: Store) {
    for kib in [40, 63, 64, 65, 100, 200, 2_000] {
        let name = format!("{}: v", "x".repeat(kib * 1_024));
        let answer = raw::request(store.server(), "GET /v1/me", &[&name], "");
        assert!(matches!(answer.status, 400 | 431), "a name of {kib} KiB: {answer:?}");
    }
}

/// The start of a request to create a key.
fn creation(acme: &Tenant<'_>, headers: &str) -> String {
    format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n{headers}\r\n",
        acme.keys_path(),
        acme.admin,
    )
}

fn a_body_that_is_too_large_is_refused_however_it_comes(store: Store) {
    let acme = store.tenant();
    let nested = "[".repeat(100_000);
    raw::exchange(acme.server, creation(&acme, "Content-Length: 100000\r\n") + &nested).error(413);
    let chunked = creation(&acme, "Transfer-Encoding: chunked\r\n");
    let chunk = format!("{:x}\r\n{nested}\r\n0\r\n\r\n", nested.len());
    raw::exchange(acme.server, chunked.clone() + &chunk).error(413);
    let small = format!("1000\r\n{}\r\n", " ".repeat(0x1000)).repeat(17) + "0\r\n\r\n";
    raw::exchange(acme.server, chunked + &small).error(413);
    // It is known before the body comes.
    let announced = "Content-Length: 99999999999\r\nExpect: 100-continue\r\n";
    raw::exchange(acme.server, creation(&acme, announced)).error(413);
    assert_eq!(acme.list().len(), 1);
}

fn a_client_that_is_too_slow_is_told_so(store: Store) {
    let installation = Arc::new(Installation::new(store).set("SERVER__REQUEST_TIMEOUT", "700ms"));
    let server = Server::start(&installation);
    let acme = Tenant::new(&server);
    let starts = [
        "G".to_owned(),
        "GET /v1/me HTTP/1.1\r\nHost: x\r\nX-Slow".to_owned(),
        creation(&acme, "Content-Length: 50\r\n"),
        creation(&acme, "Content-Length: 50\r\n") + "{\"name\":",
        creation(&acme, "Transfer-Encoding: chunked\r\n") + "5\r\n{\"na",
    ];
    for start in &starts {
        let mut connection = Raw::connect(&server);
        connection.send(start).answer().error(408);
    }
    // The second request on a connection is held to the same limit as the first.
    for start in &starts {
        let mut connection = Raw::connect(&server);
        let first = connection.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").answer();
        assert_eq!(first.status, 200);
        connection.send(start).answer().error(408);
    }
    trickle(&server).error(408);
    assert_eq!(acme.list().len(), 1);
}

/// A client that never stands still and never comes to an end.
fn trickle(server: &Server) -> Answer {
    let mut connection = Raw::connect(server);
    connection.send("GET /v1/me HTTP/1.1\r\nHost: x\r\n");
    for number in 0..10 {
        std::thread::sleep(Duration::from_millis(100));
        connection.send(format!("X-{number}: v\r\n"));
    }
    connection.answer()
}

fn headers_of_any_bytes_do_no_harm(store: Store) {
    let acme = store.tenant();
    let credential = format!("Authorization: Bearer {}", acme.admin);
    let request = [
        format!("GET /v1/me HTTP/1.1\r\nHost: x\r\n{credential}\r\n").as_bytes(),
        b"X-Any: \x80\xff\xfe caf\xc3\xa9\r\nCookie: \xf0\x9f\x94\x91\r\nAccept: nothing\r\nReferer: \xff\r\n\r\n",
    ]
    .concat();
    assert_eq!(raw::exchange(acme.server, request).status, 200);
    for value in [&b"\xff\xfe"[..], b"Bearer \xff", b"Basic YTpi", b"Bearer", b"Bearer ", b"", b"bearer a b"]
    {
        let answer = acme.server.get("/v1/me").header("authorization", value).send();
        assert!(answer.status == 401, "{value:?}: {answer:?}");
    }
}

fn an_answer_leaves_the_connection_usable(store: Store) {
    let acme = store.tenant();
    let mut connection = Raw::connect(acme.server);
    let nowhere = "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n";
    connection.send(nowhere).answer().error(404);
    let created = creation(&acme, "Content-Length: 2\r\n") + "{}";
    connection.send(created).answer().error(400);
    connection.send("GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n").answer().error(401);
    connection.send("PUT /v1/me HTTP/1.1\r\nHost: x\r\n\r\n").answer().error(405);
}

fn the_document_is_served_to_everybody(store: Store) {
    let answer = store.server().get("/v1/openapi.json").send();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.expect(200)["openapi"], "3.1.0");
}
