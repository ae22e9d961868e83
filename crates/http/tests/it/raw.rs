//! What comes over the socket that is not a proper request, or comes too slowly.

use std::time::Duration;

use capykeys_conformance::service::Mood;
use capykeys_domain::usecases::CreatedKey;

use crate::support::{Answer, Connection, Site, internal};

/// The head of a request that creates a key, up to what frames its body.
fn creation(site: &Site, key: &CreatedKey) -> String {
    format!(
        "POST {} HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-type: application/json\r\n",
        site.keys_path(),
        key.plaintext.expose(),
    )
}

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
async fn a_client_that_is_refused_while_it_sends_is_not_reset() {
    let site = Site::new().await;
    let mut connection = site.connect();
    // More than the buffers of both sides can hold.
    connection.send(&[b"GET /livez HTTP/1.1\r\nhost: test\r\nx: ", &b"a".repeat(8_000_000)[..]].concat());
    connection.half_close();
    Connection::parse(&connection.read_to_end()).error(431);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_refused_and_stays_keeps_no_room() {
    let site = Site::with_one_connection(internal(), Duration::from_secs(10)).await;
    let mut stays = site.connect();
    stays.send(b"nonsense\r\n\r\n");
    stays.read_some();
    let next = b"GET /livez HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    assert_eq!(site.connect().finish(next).status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_behind_the_last_answer_is_not_answered() {
    let site = Site::new().await;
    for (request, status) in [
        ("POST /v1/me HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 405),
        ("GET /livez HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\nnonsense\r\n\r\n", 200),
        ("GET /livez HTTP/1.0\r\nhost: test\r\n\r\nGET\r\n\r\n", 200),
    ] {
        let answer = site.connect().finish(request.as_bytes());
        assert_eq!((answer.status, answer.rest.is_empty()), (status, true), "{request} {answer:?}");
    }
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
    let before = site.service.store.counts().0;
    for last in [
        "GET /livez HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n",
        "GET /livez HTTP/1.0\r\nhost: test\r\n\r\n",
        "POST /livez HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\nabc",
    ] {
        let answer = site.connect().finish(format!("{last}{create}").as_bytes());
        assert!(!answer.rest.windows(3).any(|part| part == b"201"), "{last}");
        assert_eq!(site.service.store.counts().0, before, "{last}");
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

/// The timer that was set when it connected rings while its request is answered, and nothing arrives behind that.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_silent_after_a_slow_answer_is_closed_without_a_word() {
    let site = Site::with_limits(Duration::from_secs(1), Duration::from_millis(300)).await;
    let key = site.key(&["*"]).await;
    let request =
        format!("GET /v1/me HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\n\r\n", key.plaintext.expose());
    site.service.mood.send_replace(Mood::Hangs);
    let mut connection = site.connect();
    tokio::time::sleep(Duration::from_millis(600)).await;
    connection.send(request.as_bytes());
    tokio::time::sleep(Duration::from_millis(700)).await;
    site.service.mood.send_replace(Mood::Good);
    assert_eq!(connection.read_answer().status, 200);
    assert_eq!(connection.read_to_end(), b"");
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
    let head = creation(&site, &key);
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

/// What a request line and a header line end in, and the empty line behind them.
const BARE_LINE_FEEDS: [&str; 5] = ["\n|\r\n|\r\n", "\r\n|\n|\r\n", "\r\n|\r\n|\n", "\n|\n|\n", "\r\n|\n|\n"];

/// What is answered to bytes after which nothing comes.
fn answers(site: &Site, bytes: &[u8]) -> Answer {
    let mut connection = site.connect();
    connection.send(bytes);
    connection.half_close();
    Connection::parse(&connection.read_to_end())
}

/// A request with other line ends.
fn with_line_ends(path: &str, ends: &str) -> String {
    let mut ends = ends.split('|');
    let mut end = || ends.next().unwrap();
    format!("GET {path} HTTP/1.1{}host: test{}{}", end(), end(), end())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_feed_alone_ends_no_line_on_any_listener() {
    for (site, path, status) in [
        (Site::new().await, "/livez", 400),
        (Site::internal().await, "/livez", 400),
        (Site::internal().await, "/authorize/forward-auth", 403),
    ] {
        for ends in BARE_LINE_FEEDS {
            let bare = with_line_ends(path, ends);
            let answer = answers(&site, bare.as_bytes());
            answer.error(status);
            assert!(answer.rest.is_empty(), "{bare:?}");
            // Not behind another request either, whatever its body is, nor in pieces.
            for first in
                ["GET /livez HTTP/1.1\r\nhost: test\r\n\r\n", "\r\nGET /livez HTTP/1.1\r\nhost: test\r\n\r\n"]
            {
                let answer = answers(&site, format!("{first}{bare}").as_bytes());
                assert_eq!(answer.status, 200);
                Connection::parse(&answer.rest).error(status);
            }
            let mut connection = site.connect();
            for byte in bare.as_bytes() {
                connection.try_send(&[*byte]);
            }
            connection.half_close();
            Connection::parse(&connection.read_to_end()).error(status);
        }
        assert_eq!(answers(&site, with_line_ends("/livez", "\r\n|\r\n|\r\n").as_bytes()).status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_feed_alone_is_refused_behind_a_body_and_allowed_in_it() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    let head = creation(&site, &key);
    let body = "\n{\"name\":\"a\",\n\"scopes\":[\"*\"]}\n";
    let chunked = format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n", body.len());
    for framed in [format!("content-length: {}\r\n\r\n{body}", body.len()), format!("{chunked}\r\n")] {
        let bare = with_line_ends("/livez", "\r\n|\n|\r\n");
        let answer = answers(&site, format!("{head}{framed}{bare}").as_bytes());
        assert_eq!(answer.status, 201);
        Connection::parse(&answer.rest).error(400);
    }
    // As the end of a trailer, it would show others a second request there. Nor is a trailer without end.
    let hidden = "x: y\n\r\nGET /livez HTTP/1.1\r\nhost: test\r\n\r\n";
    let endless = format!("x: {}\r\n\r\n", "a".repeat(70_000));
    for trailers in ["\n\r\n", "x: y\n\r\n", hidden, &endless] {
        let keys = site.service.store.counts().0;
        let answer = answers(&site, format!("{head}{chunked}{trailers}").as_bytes());
        answer.error(400);
        assert_eq!(site.service.store.counts().0, keys);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_has_no_fragment() {
    let site = Site::internal().await;
    for (target, status) in [
        ("/livez#", 400),
        ("/livez?#x", 400),
        ("/authorize/ext-authz/open/x#/secret", 403),
        ("/authorize/ext-authz/x?anonymous=allow#", 403),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n");
        answers(&site, request.as_bytes()).error(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_are_told_403_or_503_whatever_is_wrong_with_their_question() {
    let site = Site::internal_with(internal(), Duration::from_millis(300)).await;
    let key = site.key(&["jobs:read"]).await;
    let ask = |fields: &str| {
        let key = key.plaintext.expose();
        let always = format!("host: test\r\nconnection: close\r\nx-api-key: {key}\r\n");
        format!("GET /authorize/auth-request HTTP/1.1\r\n{always}{fields}\r\n")
    };
    let fields = |count: usize, length: usize| {
        let field = |i| format!("x-{i}: {}\r\n", "a".repeat(length));
        (0..count).map(field).collect::<Vec<_>>().concat()
    };
    for taken in [fields(93, 1), fields(1, 60_000), fields(60, 1_000)] {
        assert_eq!(site.connect().finish(ask(&taken).as_bytes()).status, 200);
    }
    for large in [fields(94, 1), fields(2_000, 1), fields(1, 66_000), fields(90, 1_000), fields(1, 1_000_000)]
    {
        let told = site.connect().finish(ask(&large).as_bytes()).error(403);
        assert_eq!(told, "The request's head is too large to be judged.");
    }
    for wrong in ["x: \u{1}\r\n", "x : y\r\n", "host: other\r\n"] {
        let told = site.connect().finish(ask(wrong).as_bytes()).error(403);
        assert_eq!(told, "The request is not valid HTTP.");
    }
    let mut slow = site.connect();
    slow.send(b"GET /authorize/forward-auth HTTP/1.1\r\nhost:");
    let answer = Connection::parse(&slow.read_to_end());
    answer.error(503);
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_expects_100_and_has_no_body_does_not_get_it() {
    let site = Site::internal().await;
    let expecting = "expect: 100-continue\r\n";
    for (line, fields) in
        [("GET /livez", ""), ("GET /authorize/ext-authz/x", ""), ("POST /livez", "content-length: 0\r\n")]
    {
        let request = format!("{line} HTTP/1.1\r\nhost: test\r\n{expecting}{fields}\r\n");
        let twice = answers(&site, request.repeat(2).as_bytes());
        assert!(twice.status > 100, "{line}");
        let again = Connection::parse(&twice.rest);
        assert_eq!((again.status, again.rest.is_empty()), (twice.status, true), "{line}");
    }
    // Who has a body does, also behind one who has none.
    let without = format!("GET /livez HTTP/1.1\r\nhost: test\r\n{expecting}\r\n");
    let with = format!(
        "POST /v1/api-keys/verify HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n\
         connection: close\r\n{expecting}content-length: 2\r\n\r\n{{}}"
    );
    let first = site.connect().finish(format!("{without}{with}").as_bytes());
    let rest = first.rest.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
    Connection::parse(rest).error(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_another_protocol_is_the_last_of_its_connection() {
    let site = Site::internal().await;
    for fields in ["connection: upgrade\r\nupgrade: websocket\r\n", "upgrade: websocket\r\n"] {
        let request = format!("GET /livez HTTP/1.1\r\nhost: test\r\n{fields}\r\n");
        let mut connection = site.connect();
        connection.send(request.as_bytes());
        let answer = Connection::parse(&connection.read_to_end());
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    }
}
