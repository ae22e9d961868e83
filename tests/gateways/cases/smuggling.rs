//! Messages whose end a gateway and an API might see in different places.

use std::time::{Duration, Instant};

use super::{
    access::{assert_identity, jobs_key},
    paths::assert_allowed,
};
use crate::{
    request::{HOST, Request},
    stand::Stand,
    world::{JOBS, WORLD},
};

/// What the caller of these cases may see. The hidden request asks for something else.
const ALLOWED: [&str; 1] = ["/v1/projects/p_1/jobs/"];

/// How long a gateway is given to pass something on that it should not.
const GRACE: Duration = Duration::from_secs(1);

fn hidden() -> String {
    let key = &WORLD.elsewhere.plaintext;
    format!(
        "GET /v1/projects/p_1/backups/7 HTTP/1.1\r\nHost: {HOST}\r\nX-Capy-Key-Id: forged\r\nX-API-Key: {key}\r\n\r\n"
    )
}

/// Header lines, and the body that follows them.
fn framings() -> Vec<(String, String)> {
    let hidden = hidden();
    let (length, size) = (hidden.len(), format!("{:x}", hidden.len()));
    let ended = format!("0\r\n\r\n{hidden}");
    let chunk = format!("{size}\r\n{hidden}\r\n0\r\n\r\n");
    let whole = ended.len();
    let mut framings = Vec::new();
    for coding in [
        "Transfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\tchunked",
        "Transfer-Encoding:\u{b}chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:\r\n chunked",
        " Transfer-Encoding: chunked",
        "X: x\nTransfer-Encoding: chunked",
        "X: x\rTransfer-Encoding: chunked",
        "X: x\r\n\tTransfer-Encoding: chunked",
        "Transfer_Encoding: chunked",
        "Transfer-Encoding\u{0}: chunked",
        "TRANSFER-ENCODING: CHUNKED",
    ] {
        framings.push((format!("Content-Length: {whole}\r\n{coding}"), ended.clone()));
        framings.push((format!("{coding}\r\nContent-Length: 4"), chunk.clone()));
        framings.push((coding.to_owned(), ended.clone()));
    }
    for lengths in [
        format!("Content-Length: 0\r\nContent-Length: {length}"),
        format!("Content-Length: {length}\r\nContent-Length: 0"),
        format!("Content-Length: 0, {length}"),
        format!("Content-Length: +{length}"),
        format!("Content-Length: -{length}"),
        format!("Content-Length: 0{length}"),
        format!("Content-Length: 0x{length}"),
        format!("Content-Length: {length}.0"),
        format!("Content-Length: 18446744073709551616{length}"),
        format!("Content-Length : {length}"),
        format!("Content_Length: {length}"),
        format!("Content-Length: 0\r\n Content-Length: {length}"),
        "Content-Length:".to_owned(),
        "Content-Length: 0".to_owned(),
    ] {
        framings.push((lengths, hidden.clone()));
    }
    let chunked = "Transfer-Encoding: chunked";
    for body in [
        format!("0;x=\n\r\n\r\n{hidden}"),
        format!("0x0\r\n\r\n{hidden}"),
        format!("-0\r\n\r\n{hidden}"),
        format!(" 0\r\n\r\n{hidden}"),
        format!("0\n\n{hidden}"),
        format!("0\r\r\n\r\n{hidden}"),
        format!("1\r\nZ0\r\n\r\n{hidden}"),
        format!("2\r\nZ\r0\r\n\r\n{hidden}"),
        format!("ffffffffffffffff0\r\n{hidden}\r\n0\r\n\r\n"),
        format!("10000000000000000\r\n{hidden}\r\n0\r\n\r\n"),
        format!("0\r\nX: x\r\n\r\n{hidden}"),
        format!("0\r\n{hidden}"),
    ] {
        framings.push((chunked.to_owned(), body));
    }
    framings
}

pub(crate) fn no_request_hides_in_another(stand: &Stand) {
    let key = &WORLD.jobs.plaintext;
    let mut connections = Vec::new();
    for version in ["1.1", "1.0"] {
        for (lines, body) in framings() {
            let head = format!("POST {JOBS} HTTP/{version}\r\nHost: {HOST}\r\nAuthorization: Bearer {key}");
            let mut connection = stand.connect();
            connection.send(format!("{head}\r\n{lines}\r\n\r\n{body}").as_bytes());
            connections.push((lines, connection));
        }
    }
    let end = Instant::now() + GRACE;
    for (_, connection) in &mut connections {
        while connection.answer_before(end).is_some() {}
    }
    for arrived in stand.arrived() {
        let framed = arrived.all("content-length").len() + arrived.all("transfer-encoding").len();
        assert!(framed <= 1, "framed twice: {arrived:?}");
        let forged = arrived.headers.iter().find(|(_, value)| value == "forged");
        assert!(forged.is_none(), "{arrived:?}");
        assert_allowed(&[arrived], &ALLOWED);
    }
    drop(connections);
    // Connections to the API that are used again are not out of step.
    for _ in 0..20 {
        let _ = stand.passes(&Request::get(JOBS).bearer(key));
    }
}

/// RFC 9110, section 6.5.1: they may be merged where their definition permits it, and some APIs do
/// not ask.
pub(crate) fn a_trailer_is_no_header(stand: &Stand) {
    let key = &WORLD.jobs.plaintext;
    for announced in ["Trailer: X-Capy-Key-Id\r\n", ""] {
        let mut connection = stand.connect();
        let head =
            format!("POST {JOBS} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {key}\r\n{announced}");
        let body = "1\r\nZ\r\n0\r\nX-Capy-Key-Id: forged\r\nX-Capy-User-Id: forged\r\n\r\n";
        connection.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n{body}").as_bytes());
        assert!(connection.answer().is_some());
        let arrived = stand.arrived_alone();
        assert_identity(&arrived, jobs_key());
        assert_eq!(arrived.trailers.is_empty(), stand.gateway.drops_trailers, "{arrived:?}");
    }
}

pub(crate) fn two_credentials_are_refused_or_one_of_them_counts(stand: &Stand) {
    let (good, bad) = (&WORLD.jobs.plaintext, &WORLD.elsewhere.plaintext);
    let lines = |first: (&str, &str), second: (&str, &str)| {
        Request::get(JOBS).header(first.0, first.1).header(second.0, second.1)
    };
    let bearers = [good, bad].map(|key| format!("Bearer {key}"));
    let [good_bearer, bad_bearer] = [bearers[0].as_str(), bearers[1].as_str()];
    for request in [
        lines(("Authorization", good_bearer), ("Authorization", bad_bearer)),
        lines(("Authorization", bad_bearer), ("Authorization", good_bearer)),
        lines(("Authorization", good_bearer), ("Authorization", "Basic eDp5")),
        lines(("Authorization", good_bearer), ("X-API-Key", bad)),
        lines(("Authorization", bad_bearer), ("X-API-Key", good)),
        lines(("X-API-Key", good), ("X-API-Key", bad)),
        lines(("X-API-Key", bad), ("X-API-Key", good)),
        lines(("X-API-Key", bad), ("X_API_Key", good)),
    ] {
        let answer = stand.send(&request);
        assert!(matches!(answer.status(), 200 | 400 | 401 | 403), "{answer:?}");
        for arrived in stand.arrived() {
            assert_identity(&arrived, jobs_key());
            let left = arrived.headers.iter().find(|(_, value)| value.contains("capy_live_"));
            assert!(left.is_none(), "a credential reached the API");
        }
    }
}

/// A tunnel would carry requests that nobody looks at.
pub(crate) fn no_tunnel_is_opened(stand: &Stand) {
    let upgrade = Request::get(JOBS)
        .bearer(&WORLD.jobs.plaintext)
        .header("Connection", "Upgrade, HTTP2-Settings")
        .header("Upgrade", "h2c")
        .header("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA");
    let mut connection = stand.connect();
    connection.send(&upgrade.bytes());
    let _ = connection.answer_before(Instant::now() + GRACE);
    for arrived in stand.arrived() {
        let connection = arrived.header("connection").unwrap_or_default().to_ascii_lowercase();
        assert!(!connection.contains("upgrade"), "{arrived:?}");
    }
}
