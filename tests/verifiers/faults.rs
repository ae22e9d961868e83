//! A service that gives no verdict.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use capykeys_tests::driver::locked;

use crate::{
    guarded::{Guarded, Settings},
    stand_in::{KEY, Reply, StandIn},
};

const LONG: Duration = Duration::from_mins(1);
const LIMIT: Duration = Duration::from_millis(500);

type Wrong = fn() -> Reply;

/// Each as it arrives, with what is wrong about it.
fn wrong() -> Vec<(&'static str, Wrong)> {
    vec![
        ("it cannot", || Reply::of("503 Service Unavailable", r#"{"error":"x"}"#)),
        ("the token is refused", || Reply::of("401 Unauthorized", r#"{"error":"x"}"#)),
        ("a verdict that is an error", || {
            Reply::of(
                "500 Internal Server Error",
                r#"{"valid":true,"max_age_ms":60000,"api_key":{"id":"key_1","organization_id":"org_1","scopes":["*"]}}"#,
            )
        }),
        ("it is elsewhere", || {
            Reply::raw(
                "HTTP/1.1 307 Temporary Redirect\r\nLocation: /v1/api-keys/verify\r\nContent-Length: 0\r\n\r\n",
            )
        }),
        ("no JSON", || Reply::of("200 OK", "yes")),
        ("a list", || Reply::of("200 OK", "[true]")),
        ("nothing", || Reply::of("200 OK", "")),
        ("no `valid`", || Reply::of("200 OK", r#"{"max_age_ms":60000}"#)),
        ("`valid` is a text", || {
            Reply::of(
                "200 OK",
                r#"{"valid":"true","max_age_ms":60000,"api_key":{"id":"key_1","organization_id":"org_1","scopes":["*"]}}"#,
            )
        }),
        ("nobody's key", || Reply::of("200 OK", r#"{"valid":true,"max_age_ms":60000}"#)),
        ("no scopes", || {
            Reply::of(
                "200 OK",
                r#"{"valid":true,"max_age_ms":60000,"api_key":{"id":"key_1","organization_id":"org_1"}}"#,
            )
        }),
        ("scopes that are a text", || {
            Reply::of(
                "200 OK",
                r#"{"valid":true,"max_age_ms":60000,"api_key":{"id":"key_1","organization_id":"org_1","scopes":"jobs:read"}}"#,
            )
        }),
        ("no age", || {
            Reply::of(
                "200 OK",
                r#"{"valid":true,"api_key":{"id":"key_1","organization_id":"org_1","scopes":["*"]}}"#,
            )
        }),
        ("an age below zero", || {
            Reply::of(
                "200 OK",
                r#"{"valid":true,"max_age_ms":-1,"api_key":{"id":"key_1","organization_id":"org_1","scopes":["*"]}}"#,
            )
        }),
        ("more than it may be", || {
            Reply::of(
                "200 OK",
                &format!(r#"{{"valid":false,"max_age_ms":0,"code":"{}"}}"#, "x".repeat(1 << 20)),
            )
        }),
        ("half an answer", || {
            Reply::raw(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n{\"valid\":true",
            )
        }),
        ("no HTTP", || Reply::raw("SSH-2.0-OpenSSH_9.9\r\n")),
        ("the end", || Reply::raw("")),
    ]
}

pub(crate) fn what_is_no_verdict_lets_nobody_through(name: &'static str) {
    let current: Arc<Mutex<Option<Wrong>>> = Arc::default();
    let shown = Arc::clone(&current);
    let service = StandIn::start(move |_| locked(&shown).map_or_else(|| Reply::good(LONG), |wrong| wrong()));
    let guarded = Guarded::start(name, service.address, Settings::default());
    for (number, (what, wrong)) in wrong().into_iter().enumerate() {
        let key = format!("{KEY}{number}");
        *locked(&current) = Some(wrong);
        guarded.ask(&key).expect_unavailable(what);
        // Nor is anything of it remembered.
        *locked(&current) = None;
        assert_eq!(guarded.ask(&key).status, 200, "{name}: after {what}");
    }
}

/// A key that is for one project must not be good for all of them.
pub(crate) fn a_project_that_is_no_name_is_no_verdict(name: &'static str) {
    for project in ["7", r#""""#] {
        let verdict = format!(
            r#"{{"valid":true,"max_age_ms":60000,"api_key":{{"id":"key_1","organization_id":"org_1","scopes":["*"],"project_id":{project}}}}}"#
        );
        let service = StandIn::start(move |_| Reply::of("200 OK", &verdict));
        let guarded = Guarded::start(name, service.address, Settings::default());
        guarded.ask(KEY).expect_unavailable(project);
    }
}

pub(crate) fn a_server_that_does_not_answer_is_given_up(name: &'static str) {
    let service = StandIn::start(|question| {
        if question.body["api_key"] == KEY {
            thread::sleep(LONG);
        }
        Reply::good(LONG)
    });
    let guarded = Guarded::start(name, service.address, Settings { timeout: LIMIT, ..Settings::default() });
    thread::scope(|scope| {
        let all: Vec<_> = (0..10).map(|_| scope.spawn(|| guarded.ask(KEY))).collect();
        for one in all {
            one.join().expect("an answer").expect_unavailable("it does not answer");
        }
    });
}

/// Each byte is in time.
pub(crate) fn a_server_that_answers_a_byte_at_a_time_is_given_up(name: &'static str) {
    let service = StandIn::start(|_| Reply::good(LONG).dripping(LIMIT / 2));
    let guarded = Guarded::start(name, service.address, Settings { timeout: LIMIT, ..Settings::default() });
    guarded.ask(KEY).expect_unavailable("it answers a byte at a time");
}
