//! What passes arrives as it was sent, and every request is judged by itself.

use std::collections::BTreeMap;

use capykeys_tests::settings;

use super::access::{NOBODY, assert_identity, jobs_key};
use crate::{
    request::{HOST, Request},
    stand::Stand,
    upstream::BODY,
    world::{JOBS, PUBLIC, WORLD},
};

/// Every byte, so often that no buffer holds them all.
fn binary_body() -> Vec<u8> {
    (0..=u8::MAX).cycle().take(200_000).collect()
}

pub(crate) fn a_body_and_a_query_arrive_untouched(stand: &Stand) {
    let target = format!("{JOBS}?b=2&a=1&a=1&a=&=&empty&x=%2F%2e%2E%41&plus=a+b%20c&utf8=%C3%A9&semi=a;b");
    let request = Request::post(&target, binary_body())
        .bearer(&WORLD.jobs.plaintext)
        .header("Content-Type", "application/octet-stream")
        .header("X-Own", "kept");
    let arrived = stand.passes(&request);
    assert_eq!(arrived.target(), target.replace(';', stand.gateway.semicolon));
    assert!(arrived.start.starts_with("POST "), "{}", arrived.start);
    assert!(arrived.body == binary_body(), "the body has changed");
    assert_eq!(arrived.header("host"), Some(HOST));
    assert_eq!(arrived.header("x-own"), Some("kept"));
    assert_eq!(arrived.header("content-type"), Some("application/octet-stream"));
    assert_identity(&arrived, jobs_key());
}

pub(crate) fn requests_on_one_connection_are_judged_apart(stand: &Stand) {
    let mut connection = stand.connect();
    for _ in 0..2 {
        let good = Request::get(JOBS).bearer(&WORLD.jobs.plaintext);
        assert_eq!(connection.exchange(&good).status(), 200);
        assert_identity(&stand.arrived_alone(), jobs_key());
        connection.exchange(&Request::get(JOBS)).assert_refused(401);
        connection.exchange(&Request::post(JOBS, "x").bearer(&WORLD.elsewhere.plaintext)).assert_refused(403);
        stand.assert_nothing_arrived();
        let admin = Request::post(JOBS, "x").header("X-API-Key", &WORLD.tenant.admin);
        assert_eq!(connection.exchange(&admin).status(), 200);
        let arrived = stand.arrived_alone();
        assert_eq!(arrived.header("x-capy-key-id"), Some(WORLD.tenant.admin_id.as_str()));
        assert_eq!(arrived.header("x-capy-project-id").unwrap_or_default(), "");
        assert_eq!(connection.exchange(&Request::get(PUBLIC)).status(), 200);
        assert_eq!(stand.arrived_alone().header("x-capy-key-id").unwrap_or_default(), "");
    }
}

pub(crate) fn requests_on_one_http2_connection_are_judged_apart(stand: &Stand) {
    let requests = [
        Request::get(JOBS).bearer(&WORLD.jobs.plaintext),
        Request::get(JOBS),
        Request::get(JOBS).bearer(&WORLD.elsewhere.plaintext),
        Request::get(JOBS).bearer(&WORLD.expired.plaintext),
        Request::get(JOBS).bearer(&WORLD.jobs.plaintext),
        Request::get(PUBLIC),
    ];
    let answers = stand.send_over_http2(&requests);
    let statuses: Vec<_> = answers.iter().map(crate::message::Message::status).collect();
    assert_eq!(statuses, [200, 401, 403, 401, 200, 200]);
    answers[1].assert_refused(401);
    answers[2].assert_refused(403);
    let arrived = stand.arrived();
    assert_eq!(arrived.len(), 3, "{arrived:?}");
    for request in arrived.iter().filter(|request| request.target() == JOBS) {
        assert_identity(request, jobs_key());
    }
}

pub(crate) fn what_arrives_over_http2_is_the_same(stand: &Stand) {
    let target = format!("{JOBS}?a=1&a=%2F");
    let request = Request::post(&target, binary_body())
        .bearer(&WORLD.jobs.plaintext)
        .header("X-Capy-Key-Id", "forged")
        .header("X-Own", "kept");
    let answers = stand.send_over_http2(&[request]);
    assert_eq!(answers[0].status(), 200, "{answers:?}");
    assert_eq!(answers[0].body, BODY.as_bytes());
    let arrived = stand.arrived_alone();
    assert_eq!(arrived.start, format!("POST {target} HTTP/1.1"));
    assert!(arrived.body == binary_body(), "the body has changed");
    assert_eq!(arrived.header("host"), Some(HOST));
    assert_eq!(arrived.header("x-own"), Some("kept"));
    assert_eq!(arrived.header("authorization").unwrap_or_default(), "");
    assert_identity(&arrived, jobs_key());
}

/// How many clients come at once. More than the machine can serve within the gateways' time limits are
/// refused; `docs/operations/size.md` says how many that were.
fn burst() -> usize {
    settings::number("CAPYKEYS_TEST_BURST", 1000)
}

pub(crate) fn a_burst_of_new_connections_passes(stand: &Stand) {
    let stand = &Stand::direct(stand.gateway);
    let request = Request::get(JOBS).bearer(&WORLD.jobs.plaintext).bytes();
    let connections: Vec<_> = (0..burst())
        .map(|_| {
            let mut connection = stand.connect();
            connection.send(&request);
            connection
        })
        .collect();
    let mut statuses = BTreeMap::new();
    for mut connection in connections {
        let status = connection.answer().map(|answer| answer.status());
        *statuses.entry(status).or_insert(0) += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(Some(200), burst())]), "{}", stand.last_words());
}

/// More than nginx takes unless it is told otherwise.
pub(crate) fn a_large_body_arrives(stand: &Stand) {
    let body = vec![b'x'; 3 * 1024 * 1024];
    let arrived = stand.passes(&Request::post(JOBS, body.clone()).bearer(&WORLD.jobs.plaintext));
    assert!(arrived.body == body, "the body has changed");
}

/// What the gateways take of a head must not be too much for the service.
pub(crate) fn many_header_fields_arrive(stand: &Stand) {
    let mut request = Request::get(JOBS).bearer(&WORLD.jobs.plaintext);
    for number in 0..stand.gateway.fields {
        request = request.header(&format!("X-Field-{number}"), &"v".repeat(80));
    }
    let arrived = stand.passes(&request);
    let own = arrived.headers.iter().filter(|(name, _)| name.to_lowercase().starts_with("x-field-"));
    assert_eq!(own.count(), stand.gateway.fields);
    assert_identity(&arrived, jobs_key());
}

/// The service must not be waited for with an answer to a question without a body.
pub(crate) fn who_expects_to_be_told_to_continue_is_judged(stand: &Stand) {
    for request in [Request::get(JOBS), Request::post(JOBS, "body")] {
        let request = request.header("Expect", "100-continue");
        stand.refuses(&request, 401);
        assert_identity(&stand.passes(&request.bearer(&WORLD.jobs.plaintext)), jobs_key());
    }
}

/// Browsers never send a credential with it (Fetch, section 4.8).
pub(crate) fn a_preflight_arrives_and_names_nobody(stand: &Stand) {
    let preflight = |target| {
        Request::get(target)
            .method("OPTIONS")
            .header("Origin", "https://app.example.com")
            .header("Access-Control-Request-Method", "GET")
            .header("X-Capy-Key-Id", "forged")
    };
    let arrived = stand.passes(&preflight(JOBS));
    assert!(arrived.start.starts_with("OPTIONS "), "{arrived:?}");
    assert_identity(&arrived, NOBODY);
    assert!(matches!(stand.send(&preflight("/v1/account")).status(), 403 | 404));
    assert!(matches!(stand.send(&preflight("/v1/projects/p_1//jobs/7")).status(), 403 | 404 | 200));
    for arrived in stand.arrived() {
        assert_eq!(arrived.target(), JOBS);
    }
    // The request itself is judged.
    stand.refuses(&Request::get(JOBS).header("Origin", "https://app.example.com"), 401);
}

pub(crate) fn a_websocket_is_judged_and_opened(stand: &Stand) {
    let request = Request::get(JOBS)
        .header("Connection", "keep-alive, Upgrade, X-Capy-Key-Id")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    stand.refuses(&request, 401);
    stand.refuses(&request.clone().bearer(&WORLD.elsewhere.plaintext), 403);
    // More often than connections to the service are kept, which must stay usable.
    for _ in 0..5 {
        let mut connection = stand.connect();
        connection.send(&request.clone().bearer(&WORLD.jobs.plaintext).bytes());
        let answer = connection.head().expect("an answer");
        assert_eq!(answer.status(), 101, "{answer:?}");
        connection.send(b"both ways");
        assert_eq!(connection.bytes(9).as_deref(), Some(&b"both ways"[..]));
        let arrived = stand.arrived_alone();
        assert_identity(&arrived, jobs_key());
        assert_eq!(arrived.header("authorization").unwrap_or_default(), "");
        let _ = stand.passes(&Request::get(JOBS).bearer(&WORLD.jobs.plaintext));
    }
}
