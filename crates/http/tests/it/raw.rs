//! What comes over the socket that is not a proper request, or comes too slowly.

use std::time::Duration;

use crate::support::{Connection, Site};

const LIVEZ: &[u8] = b"GET /livez HTTP/1.1\r\nhost: test\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_answered_in_json() {
    let site = Site::new().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\nhost: test\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nhost: test\r\nna me: x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nhost: test\r\ncontent-length: x\r\n\r\n",
        b"POST /livez HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = site.connect().finish(bytes);
        assert_eq!(answer.error(400), "The request is not valid HTTP.", "{}", bytes.escape_ascii());
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(answer.rest.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_431_and_the_client_gets_to_read_it() {
    let site = Site::new().await;
    let fields = |count: usize, length: usize| {
        let field = |i| format!("x-{i}: {}\r\n", "a".repeat(length));
        let fields = (0..count).map(field).collect::<Vec<_>>().concat();
        format!("GET /livez HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{fields}\r\n")
    };
    for head in
        [fields(1, 40_000), fields(1, 100_000), fields(1, 1_000_000), fields(200, 1), fields(90, 1_000)]
    {
        site.connect().finish(head.as_bytes()).error(431);
    }
    assert_eq!(site.connect().finish(fields(1, 30_000).as_bytes()).status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_after_the_last_request_of_a_connection() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    let body = r#"{"name":"late","scopes":["*"]}"#;
    let create = format!(
        "POST {} HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        site.keys_path(),
        key.plaintext.expose(),
        body.len()
    );
    let before = site.store.model.counts().0;
    for last in [
        "GET /livez HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n",
        "GET /livez HTTP/1.0\r\nhost: test\r\n\r\n",
        "POST /livez HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\nabc",
    ] {
        let answer = site.connect().finish(format!("{last}{create}").as_bytes());
        assert!(!answer.rest.windows(3).any(|part| part == b"201"), "{last}");
        assert_eq!(site.store.model.counts().0, before, "{last}");
    }
    let mut connection = site.connect();
    connection.send(create.as_bytes());
    assert_eq!(connection.read_answer().status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_behind_a_good_answer_gets_its_body_too() {
    let site = Site::new().await;
    let first = site.connect().finish(&[LIVEZ, LIVEZ, b"nonsense\r\n\r\n"].concat());
    assert_eq!(first.status, 200);
    let second = Connection::parse(&first.rest);
    assert_eq!(second.status, 200);
    let third = Connection::parse(&second.rest);
    third.error(400);
    assert!(third.rest.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_comes_too_slowly_is_408_on_every_request_of_a_connection() {
    let site = Site::with_limit(Duration::from_millis(300)).await;
    for whole_requests in 0..3 {
        let mut connection = site.connect();
        for _ in 0..whole_requests {
            connection.send(LIVEZ);
            assert_eq!(connection.read_answer().status, 200);
        }
        connection.send(b"GET /livez HTTP/1.1\r\nhos");
        let answer = Connection::parse(&connection.read_to_end());
        assert_eq!(answer.error(408), "The request took too long to arrive.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_that_stays_silent_is_closed_without_a_word() {
    let site = Site::with_limit(Duration::from_millis(300)).await;
    assert_eq!(site.connect().read_to_end(), b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_outlives_the_time_limit_of_a_request() {
    let site = Site::with_limit(Duration::from_millis(200)).await;
    let mut connection = site.connect();
    connection.send(LIVEZ);
    assert_eq!(connection.read_answer().status, 200);
    tokio::time::sleep(Duration::from_millis(600)).await;
    connection.send(LIVEZ);
    assert_eq!(connection.read_answer().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_too_slowly_is_408() {
    let site = Site::with_limit(Duration::from_millis(300)).await;
    let key = site.key(&["*"]).await;
    for framing in ["content-length: 100\r\n\r\n{", "transfer-encoding: chunked\r\n\r\n1\r\n{\r\n"] {
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-type: application/json\r\n{framing}",
            site.keys_path(),
            key.plaintext.expose(),
        );
        let answer = site.connect().finish(head.as_bytes());
        assert_eq!(answer.error(408), "The request took too long to arrive.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_with_broken_framing_is_refused_once() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-type: application/json\r\n",
        site.keys_path(),
        key.plaintext.expose(),
    );
    let broken = format!("{head}transfer-encoding: chunked\r\n\r\n1\r\n{{\r\nnot a length\r\n");
    let answer = site.connect().finish(broken.as_bytes());
    answer.error(400);
    assert!(answer.rest.is_empty(), "{}", answer.rest.escape_ascii());

    let mut connection = site.connect();
    connection.send(format!("{head}content-length: 10\r\n\r\n{{").as_bytes());
    connection.half_close();
    Connection::parse(&connection.read_to_end()).error(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_413_by_its_announcement_and_by_its_bytes() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-type: application/json\r\nconnection: close\r\n",
        site.keys_path(),
        key.plaintext.expose(),
    );
    let announced = format!("{head}content-length: 65537\r\n\r\n");
    assert_eq!(site.connect().finish(announced.as_bytes()).error(413), "The body is larger than 64 KiB.");
    let sent = format!("{announced}{}", " ".repeat(65_537));
    site.connect().finish(sent.as_bytes()).error(413);
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{}", chunk.repeat(17));
    site.connect().finish(chunked.as_bytes()).error(413);
    let body = format!("{}{}", r#"{"name":"a","scopes":["*"]}"#, " ".repeat(65_536 - 27));
    let fits = format!("{head}content-length: 65536\r\n\r\n{body}");
    assert_eq!(site.connect().finish(fits.as_bytes()).status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_before_the_body_ends_the_connection_at_once() {
    let site = Site::new().await;
    for framing in ["content-length: 100\r\n\r\n{", "transfer-encoding: chunked\r\n\r\n1\r\n{\r\n"] {
        let head = format!("POST {} HTTP/1.1\r\nhost: test\r\n{framing}", site.keys_path());
        let answer = site.connect().finish(head.as_bytes());
        answer.error(401);
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(answer.rest.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
    let site = Site::with_limit(Duration::from_millis(300)).await;
    let key = site.key(&["*"]).await;
    for _ in 0..500 {
        site.key(&["jobs:read"]).await;
    }
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\n\r\n",
        site.keys_path(),
        key.plaintext.expose(),
    );
    let mut connection = site.connect();
    // More answers than the buffers of both sides can hold.
    for _ in 0..200 {
        connection.send(request.as_bytes());
    }
    connection.wait_for_reset();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_expects_100_gets_it() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    let body = r#"{"name":"a","scopes":["*"]}"#;
    let mut connection = site.connect();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-type: application/json\r\n\
         connection: close\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        site.keys_path(),
        key.plaintext.expose(),
        body.len(),
    );
    connection.send(head.as_bytes());
    connection.send(body.as_bytes());
    let bytes = connection.read_to_end();
    let rest = bytes.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
    assert_eq!(Connection::parse(rest).status, 201);
}
