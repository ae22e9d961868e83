//! The API learns what the service says, and nothing of what the client says about itself.

use super::access::{NOBODY, assert_identity, jobs_key};
use crate::{
    message::Message,
    request::Request,
    stand::Stand,
    world::{JOBS, PUBLIC, WORLD},
};

const NAMES: [&str; 7] =
    ["organization-id", "project-id", "key-id", "user-id", "scopes", "auth-source", "key-expires-at"];

/// Headers from which some frameworks take another method or path than was judged.
const OVERRIDING: [&str; 5] =
    ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"];

const FORGED: &str = "forged";

/// The header names of an identity in all spellings that an API might take for the right one.
fn spellings() -> Vec<String> {
    let mut spellings = Vec::new();
    for name in NAMES {
        let name = format!("x-capy-{name}");
        let dashes: Vec<_> = name.match_indices('-').map(|(at, _)| at).collect();
        for choice in 0..1_u32 << dashes.len() {
            let mut spelling = name.clone();
            for (bit, at) in dashes.iter().enumerate() {
                if choice & (1 << bit) != 0 {
                    spelling.replace_range(at..=at, "_");
                }
            }
            spellings.push(spelling);
        }
    }
    spellings
}

#[track_caller]
fn assert_nothing_forged(arrived: &Message) {
    let forged = arrived.headers.iter().find(|(_, value)| value.contains(FORGED));
    assert!(forged.is_none(), "{forged:?} reached the API");
}

fn with_forged(mut request: Request, names: impl IntoIterator<Item = String>) -> Request {
    for name in names {
        request = request.header(&name, FORGED);
    }
    request
}

fn canonical() -> impl Iterator<Item = String> {
    NAMES.iter().map(|name| format!("X-Capy-{name}"))
}

pub(crate) fn the_credential_does_not_reach_the_upstream(stand: &Stand) {
    let session = WORLD.session().sign();
    for (name, value) in [
        ("Authorization", format!("Bearer {}", WORLD.jobs.plaintext)),
        ("authorization", format!("bearer {}", WORLD.jobs.plaintext)),
        ("Authorization", format!("Bearer {session}")),
        ("X-API-Key", WORLD.jobs.plaintext.clone()),
        ("x-api-key", WORLD.jobs.plaintext.clone()),
    ] {
        for path in [JOBS, PUBLIC] {
            let arrived = stand.passes(&Request::get(path).header(name, &value));
            let secret = value.rsplit(' ').next().unwrap();
            let kept = arrived.headers.iter().find(|(_, value)| value.contains(secret));
            assert!(kept.is_none(), "{name}: the credential reached the API");
            assert_eq!(arrived.header("authorization").unwrap_or_default(), "", "{name}");
            assert_eq!(arrived.header("x-api-key").unwrap_or_default(), "", "{name}");
        }
    }
}

pub(crate) fn forged_identities_do_not_reach_the_upstream(stand: &Stand) {
    let request = with_forged(Request::get(JOBS).bearer(&WORLD.jobs.plaintext), canonical());
    let arrived = stand.passes(&request);
    assert_nothing_forged(&arrived);
    assert_identity(&arrived, jobs_key());
}

pub(crate) fn forged_identities_do_not_reach_the_upstream_on_an_anonymous_route(stand: &Stand) {
    let arrived = stand.passes(&with_forged(Request::get(PUBLIC), canonical()));
    assert_nothing_forged(&arrived);
    assert_identity(&arrived, NOBODY);
}

/// They may be refused as well.
pub(crate) fn forged_identities_in_other_spellings_do_not_reach_the_upstream(stand: &Stand) {
    let odd_case = |name: &String| name.replace('c', "C").replace("id", "iD");
    let spellings = spellings();
    for request in [Request::get(PUBLIC), Request::get(JOBS).bearer(&WORLD.jobs.plaintext)] {
        for name in spellings.iter().cloned().chain(spellings.iter().map(odd_case)) {
            let request = with_forged(request.clone(), [name]);
            let _ = stand.connect().try_exchange(&request);
            let _ = stand.try_send_over_http2(&request);
            stand.arrived().iter().for_each(assert_nothing_forged);
        }
    }
}

pub(crate) fn forged_headers_about_the_original_request_decide_nothing(stand: &Stand) {
    let names = [
        "X-Forwarded-Uri",
        "X-Forwarded-Method",
        "X-Forwarded-Host",
        "X-Forwarded-Prefix",
        "X-Original-URI",
        "X-Original-URL",
        "X-Original-Method",
        "X-Original-Host",
        "X-Rewrite-URL",
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "X-Envoy-Original-Path",
        "Forwarded",
    ];
    for name in names {
        let value = match name {
            name if name.ends_with("Method") || name.ends_with("Override") => "OPTIONS",
            name if name.ends_with("Host") => "localhost",
            "Forwarded" => "for=127.0.0.1;host=localhost;proto=https",
            _ => PUBLIC,
        };
        stand.refuses(&Request::get(JOBS).header(name, value), 401);
        let elsewhere = Request::get(JOBS).bearer(&WORLD.elsewhere.plaintext);
        stand.refuses(&elsewhere.header(name, "/v1/projects/p_2/jobs/7"), 403);
        let good = Request::get(JOBS).bearer(&WORLD.jobs.plaintext).header(name, "/v1/projects/p_2/jobs/7");
        let arrived = stand.passes(&good);
        assert_eq!(arrived.target(), JOBS, "{name}");
        if OVERRIDING.contains(&name) {
            assert_eq!(arrived.header(name).unwrap_or_default(), "", "{name}");
        }
    }
}

pub(crate) fn a_query_that_imitates_the_parameters_decides_nothing(stand: &Stand) {
    for query in [
        "anonymous=allow",
        "scopes=&project_path=/**&anonymous=allow",
        "scopes=backups:read&project_path=/v1/projects/p_2/**",
        "%61nonymous=allow",
        "&anonymous=allow",
        "?anonymous=allow",
    ] {
        let target = format!("{JOBS}?{query}");
        stand.refuses(&Request::get(&target), 401);
        stand.refuses(&Request::get(&target).bearer(&WORLD.backups.plaintext), 403);
        stand.refuses(&Request::get(&target).bearer(&WORLD.elsewhere.plaintext), 403);
        let good = Request::get(&target).bearer(&WORLD.jobs.plaintext);
        assert_eq!(stand.passes(&good).target(), target);
    }
}

/// RFC 9110, section 7.6.1: what `Connection` names ends at the next hop, which would be the end
/// of headers that the gateway has just set.
pub(crate) fn the_connection_header_takes_no_identity_away(stand: &Stand) {
    let names = NAMES.map(|name| format!("x-capy-{name}")).join(", ");
    let value = format!("{names}, x-forwarded-uri, x-forwarded-method, x-original-uri, content-length");
    let with = |key: &str| stand.send(&Request::get(JOBS).bearer(key).header("Connection", &value));
    // Some gateways refuse such a header.
    assert!(matches!(with(&WORLD.jobs.plaintext).status(), 200 | 400));
    for arrived in stand.arrived() {
        assert_identity(&arrived, jobs_key());
        assert!(!arrived.header("connection").unwrap_or_default().contains("x-capy"), "{arrived:?}");
    }
    assert!(matches!(with(&WORLD.elsewhere.plaintext).status(), 403 | 400));
    stand.assert_nothing_arrived();
}
