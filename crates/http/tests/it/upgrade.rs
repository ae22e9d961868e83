//! Offers of another protocol, which are ignored (RFC 9110, section 7.8): what a request means does not
//! depend on them, and nothing behind it is taken for another request.

use crate::support::{Connection, Site};
use capykeys_domain::usecases::CreatedKey;

const BODY: &str = r#"{"name":"CI","scopes":["jobs:read"]}"#;

/// What clients send with their default settings, and what nobody sends.
const OFFERS: [&str; 9] = [
    // Java's java.net.http, with every request.
    "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n",
    // Apache HttpClient 5.4.
    "connection: Upgrade\r\nupgrade: TLS/1.2\r\n",
    "connection: keep-alive, upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n",
    "upgrade: websocket\r\n",
    "upgrade: WebSocket\r\nupgrade: h2c\r\n",
    "connection: upgrade\r\n",
    "connection: Upgrade\r\nupgrade: \r\n",
    "connection: close, upgrade\r\nupgrade: websocket\r\n",
    "upgrade: capy/1, h2c, websocket\r\n",
];

fn request(site: &Site, key: &CreatedKey, line: &str, rest: &str) -> String {
    let path = site.keys_path();
    let secret = key.plaintext.expose();
    format!("{line} {path} HTTP/1.1\r\nhost: test\r\nx-api-key: {secret}\r\n{rest}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_body_is_answered_as_if_nothing_was_offered() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    for offer in OFFERS {
        for length in ["", "content-length: 0\r\n"] {
            let bytes = request(&site, &key, "GET", &format!("{offer}{length}\r\n"));
            let answer = site.connect().finish(bytes.as_bytes());
            assert_eq!(answer.status, 200, "{offer}");
            assert!(answer.complete && answer.rest.is_empty(), "{offer}");
            assert_eq!(answer.json()["api_keys"].as_array().unwrap().len(), 1, "{offer}");
            assert_eq!(answer.header("connection"), Some("close"), "{offer}");
            assert_eq!(answer.header("upgrade"), None, "{offer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_read_to_its_end_and_no_further() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    let chunked = format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len());
    let sized = format!("content-length: {}\r\n\r\n{BODY}", BODY.len());
    for offer in OFFERS {
        for body in [&chunked, &sized] {
            let head = format!("content-type: application/json\r\n{offer}{body}");
            let bytes = request(&site, &key, "POST", &head);
            let before = site.service.store.counts().0;
            let answer = site.connect().finish(bytes.as_bytes());
            assert_eq!(answer.status, 201, "{offer}: {answer:?}");
            assert_eq!(site.service.store.counts().0, before + 1, "{offer}");
        }
    }
}

/// With a length that is not the body's, nothing of what follows it is taken for a request, and nothing
/// of it for the body.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_follows_is_taken_for_a_request_or_for_the_body() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    let hidden = request(
        &site,
        &key,
        "POST",
        &format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len()),
    );
    for offer in OFFERS {
        for (line, body, status, created) in [
            ("GET", String::new(), 200, 0),
            ("GET", "content-length: 0\r\n".to_owned(), 200, 0),
            ("POST", String::new(), 400, 0),
            ("POST", "content-length: 0\r\n".to_owned(), 400, 0),
            ("POST", format!("content-length: {}\r\n", BODY.len()), 201, 1),
        ] {
            let sent = if created == 0 { "" } else { BODY };
            let head = format!("content-type: application/json\r\n{offer}{body}\r\n{sent}");
            let bytes = request(&site, &key, line, &head) + &hidden;
            let before = site.service.store.counts().0;
            let answer = site.connect().finish(bytes.as_bytes());
            assert_eq!(answer.status, status, "{line} {body} {offer}: {answer:?}");
            if !answer.rest.is_empty() {
                Connection::parse(&answer.rest).error(400);
            }
            assert_eq!(site.service.store.counts().0, before + created, "{line} {body} {offer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_or_is_too_large_is_refused_all_the_same() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    for offer in OFFERS {
        let head = |length: usize| {
            let fields = format!("content-type: application/json\r\n{offer}content-length: {length}\r\n\r\n");
            request(&site, &key, "POST", &fields)
        };
        let mut connection = site.connect();
        connection.send(format!("{}{BODY}", head(BODY.len() + 1)).as_bytes());
        connection.half_close();
        Connection::parse(&connection.read_to_end()).error(400);
        site.connect().finish(head(65_537).as_bytes()).error(413);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_is_not_opened() {
    let site = Site::new().await;
    let bytes = b"CONNECT test:80 HTTP/1.1\r\nhost: test:80\r\n\r\nGET /livez HTTP/1.1\r\nhost: test\r\n\r\n";
    let answer = site.connect().finish(bytes);
    assert!(matches!(answer.status, 404 | 405), "{answer:?}");
    assert!(answer.rest.is_empty());
    assert_eq!(answer.header("connection"), Some("close"));
}
