//! What HTTP/2 can carry and HTTP/1.1 cannot: it must not become another request on the way to the
//! API.

use super::{
    access::{assert_identity, jobs_key},
    paths::assert_allowed,
};
use crate::{
    frames::{Exchange, Field, field, pseudo},
    message::Message,
    stand::Stand,
    world::{JOBS, WORLD},
};

const HIDDEN: &str = "GET /v1/projects/p_1/backups/7 HTTP/1.1\r\nHost: x\r\nX-Capy-Key-Id: forged\r\n\r\n";

fn request(method: &str, path: &str) -> Vec<Field> {
    let mut fields = pseudo(method, path);
    fields.push(field("authorization", &format!("Bearer {}", WORLD.jobs.plaintext)));
    fields
}

fn with(name: &str, value: &str) -> Vec<Field> {
    [request("POST", JOBS), vec![field(name, value)]].concat()
}

/// Requests with more in them than there may be.
fn requests() -> Vec<Vec<Field>> {
    let lines = format!("x\r\nX-Capy-Key-Id: forged\r\n\r\n{HIDDEN}");
    let mut requests = vec![
        with("transfer-encoding", "chunked"),
        with("content-length", "0"),
        with("content-length", "5"),
        with("content-length", "+5"),
        with("connection", "x-capy-key-id"),
        with("upgrade", "h2c"),
        with("host", "elsewhere.example.com"),
        with("x", &lines),
        with("x", "x\nX-Capy-Key-Id: forged"),
        with("x", "x\rX-Capy-Key-Id: forged"),
        with("x", "x\0X-Capy-Key-Id: forged"),
        with("x: y\r\nx-capy-key-id", "forged"),
        with("x-capy-key-id: forged\r\nx", "y"),
        with("x-capy-key-id ", "forged"),
        with(" x-capy-key-id", "forged"),
        with("X-Capy-Key-Id", "forged"),
        with("x-capy-key-id\t", "forged"),
        with("x_capy_key_id", "forged"),
        with(":path", "/v1/projects/p_1/backups/7"),
        with(":x-capy-key-id", "forged"),
        with("", "forged"),
        with("authorization", &format!("Bearer {}", WORLD.elsewhere.plaintext)),
        with("x-api-key", &format!("{}\r\nX-Capy-Key-Id: forged", WORLD.jobs.plaintext)),
    ];
    for path in [
        format!("{JOBS} HTTP/1.1\r\nX-Capy-Key-Id: forged\r\n\r\n{HIDDEN}"),
        format!("{JOBS}?\r\nX-Capy-Key-Id: forged"),
        format!("{JOBS} x"),
        "/public/../v1/projects/p_1/backups/7".to_owned(),
        "http://elsewhere.example.com/v1/projects/p_1/backups/7".to_owned(),
        "v1/projects/p_1/backups/7".to_owned(),
        "*".to_owned(),
        String::new(),
    ] {
        requests.push(request("GET", &path));
    }
    for method in [
        format!("GET {JOBS} HTTP/1.1\r\nX-Capy-Key-Id: forged\r\n\r\nGET"),
        "GET /v1/projects/p_1/backups/7".to_owned(),
        "CONNECT".to_owned(),
        String::new(),
    ] {
        requests.push(request(&method, JOBS));
    }
    requests
}

#[track_caller]
fn assert_harmless(arrived: Vec<Message>) {
    for request in arrived {
        assert_identity(&request, jobs_key());
        let forged =
            request.headers.iter().any(|(name, value)| name.contains("apy") && value.contains("forged"));
        assert!(!forged, "{request:?}");
        assert_allowed(&[request], &["/v1/projects/p_1/jobs/"]);
    }
}

pub(crate) fn nothing_breaks_out_of_an_http2_request(stand: &Stand) {
    let mut exchanges = Vec::new();
    for fields in requests() {
        for body in ["", HIDDEN, "0\r\n\r\nGET /secret HTTP/1.1\r\nHost: x\r\n\r\n"] {
            exchanges.push(stand.send_frames(&fields, body.as_bytes(), &[]));
        }
    }
    exchanges.into_iter().for_each(Exchange::wait);
    assert_harmless(stand.arrived());
    // Connections to the API that are used again are not out of step.
    for _ in 0..20 {
        stand.send_frames(&request("GET", JOBS), b"", &[]).wait();
        assert_identity(&stand.arrived_alone(), jobs_key());
    }
}

/// Some gateways take trailers for a fault.
pub(crate) fn a_trailer_of_http2_is_no_header(stand: &Stand) {
    let trailers = [field("x-capy-key-id", "forged"), field("x-capy-user-id", "forged")];
    stand.send_frames(&request("POST", JOBS), b"body", &trailers).wait();
    for arrived in stand.arrived() {
        assert_identity(&arrived, jobs_key());
        assert!(arrived.trailers.is_empty() || !stand.gateway.drops_trailers, "{arrived:?}");
    }
}
