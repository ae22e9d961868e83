//! Paths that a gateway, the service and an API might read differently: what arrives is something
//! that the caller may see, however it is read.

use std::collections::BTreeSet;

use crate::{message::Message, request::Request, stand::Stand, world::WORLD};

/// Where the callers of these cases may go: everybody to the first, the key for the jobs of the
/// project to both.
const ALLOWED: [&str; 2] = ["/public/", "/v1/projects/p_1/jobs/"];

/// Where they may not go.
const FORBIDDEN: [&str; 3] = ["v1/projects/p_2/jobs/7", "v1/projects/p_1/backups/7", "secret"];

/// Steps out of a folder, or what somebody might take for one.
const STEPS: [&str; 26] = [
    "../",
    "%2e%2e/",
    "%2E%2E/",
    ".%2e/",
    "%2e./",
    "..%2f",
    "..%2F",
    "%2e%2e%2f",
    "..\\",
    "..%5c",
    "%2e%2e%5C",
    "..;/",
    "..;x=1/",
    "%2e%2e;/",
    "..%3b/",
    ".//../",
    "./.;/../",
    "x/..//../",
    "..%00/",
    "%00/../",
    "..%252f",
    "%252e%252e/",
    "..%c0%af",
    "..//",
    "../;/",
    "%u002e%u002e/",
];

/// Targets that are odd in another way.
const ODD: [&str; 26] = [
    "//v1/projects/p_2/jobs/7",
    "/v1//projects/p_2/jobs/7",
    "/v1/projects//p_2/jobs/7",
    "/./v1/projects/p_2/jobs/7",
    "/v1/projects/p_1/jobs",
    "/v1/projects/p_1//jobs/7",
    "/v1/projects/p_1;/jobs/7",
    "/v1/projects/p_1;a=b/jobs/7",
    "/v1/projects/p_1%2fjobs/7/jobs/7",
    "/v1/projects/p_1/jobs%2f7",
    "/v1/projects/p_1%2f..%2fp_2/jobs/7",
    "/v1/projects/p_2;/../p_1/jobs/7",
    "/v1/projects/p_2%00p_1/jobs/7",
    "/v1/projects/%70_1/jobs/7",
    "/V1/Projects/p_1/Jobs/7",
    "/public",
    "/public;/../secret",
    "/public%2fsecret",
    "/public\\..\\secret",
    "\\public\\..\\secret",
    "/public/x?/../../secret",
    "/public/../secret?/public/x",
    "/secret?/public/x",
    "/secret#/public/x",
    "/secret%3f/public/x",
    "/secret;/public/x",
];

/// Request targets that no client sends.
const MALFORMED: [&str; 16] = [
    "http://api.example.com/v1/projects/p_2/jobs/7",
    "http://api.example.com/public/../secret",
    "http://api.example.com/public/x",
    "http://elsewhere.example.com/secret",
    "HTTP://api.example.com//secret",
    "http://api.example.com@127.0.0.1/secret",
    "http:///secret",
    "ftp://api.example.com/secret",
    "//api.example.com/secret",
    "api.example.com:443",
    "*",
    "secret",
    "?/secret",
    "/public/x /secret",
    "/public/\u{1}/../secret",
    "/public/é/../../secret",
];

fn targets() -> Vec<String> {
    let mut targets: Vec<String> = ODD.iter().chain(&MALFORMED).map(|&target| target.to_owned()).collect();
    for allowed in ALLOWED {
        let depth = allowed.matches('/').count() - 1;
        for step in STEPS {
            targets.extend(FORBIDDEN.map(|forbidden| format!("{allowed}{}{forbidden}", step.repeat(depth))));
            // One project beside the other.
            targets.push(format!("{allowed}{step}{step}p_2/jobs/7"));
        }
    }
    for length in [4_000, 20_000, 200_000] {
        targets.push(format!("/public/{}", "a".repeat(length)));
        targets.push(format!("/public/{}/../../secret", "a".repeat(length)));
        targets.push(format!("/public/{}secret", "../".repeat(length / 3)));
    }
    targets
}

/// What an API might take the path for.
fn readings(target: &str) -> BTreeSet<String> {
    let path = target.split_once("://").map_or(target, |(_, rest)| &rest[rest.find('/').unwrap_or(0)..]);
    let path = &without_needless_escapes(path.split('?').next().unwrap_or_default());
    let mut readings = BTreeSet::from([path.to_owned(), path.replace("//", "/")]);
    for choice in 0..16 {
        let mut reading = path.to_owned();
        if choice & 1 != 0 {
            reading = decoded(&reading);
        }
        if choice & 2 != 0 {
            reading = reading.replace('\\', "/");
        }
        if choice & 4 != 0 {
            let segments = reading.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
            reading = segments.collect::<Vec<_>>().join("/");
        }
        if choice & 8 != 0 {
            reading = reading.split(['\0', '#']).next().unwrap_or_default().to_owned();
        }
        readings.insert(without_dots(&reading));
    }
    readings
}

/// What needs no escape means the same with one (RFC 3986, section 6.2.2.2).
fn without_needless_escapes(path: &str) -> String {
    let needless = (b'!'..=b'~').filter(|byte| byte.is_ascii_alphanumeric() || b"-_~".contains(byte));
    needless.fold(path.to_owned(), |path, byte| {
        let letter = char::from(byte).to_string();
        path.replace(&format!("%{byte:02X}"), &letter).replace(&format!("%{byte:02x}"), &letter)
    })
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        (bytes.push(byte.filter(|_| first == b'%').unwrap_or(first)));
        rest = if first == b'%' && byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn without_dots(path: &str) -> String {
    let mut kept = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    format!("/{}{}", kept.join("/"), if path.ends_with('/') { "/" } else { "" })
}

/// Fails where something arrived that the caller may not see.
#[track_caller]
pub(crate) fn assert_allowed(arrived: &[Message], allowed: &[&str]) {
    for request in arrived {
        for reading in readings(request.target()) {
            let may = allowed.iter().any(|folder| format!("{reading}/").starts_with(folder));
            assert!(may, "{:.200} arrived and can be read as {reading:.200}", request.start);
        }
    }
}

pub(crate) fn what_arrives_is_what_was_authorized(stand: &Stand) {
    let key = Request::get("").bearer(&WORLD.jobs.plaintext);
    for (request, allowed) in [(Request::get(""), &ALLOWED[..1]), (key, &ALLOWED[..])] {
        let mut passed = 0;
        for target in targets() {
            // Some are answered with nothing but the end of the connection.
            let answer = stand.connect().try_exchange(&request.to(&target));
            passed += usize::from(answer.is_some_and(|answer| answer.status() == 200));
            assert_allowed(&stand.arrived(), allowed);
        }
        assert!(passed > 0, "nothing that is odd and good has passed");
    }
}

pub(crate) fn what_arrives_over_http2_is_what_was_authorized(stand: &Stand) {
    let key = Request::get("").bearer(&WORLD.jobs.plaintext);
    for (request, allowed) in [(Request::get(""), &ALLOWED[..1]), (key, &ALLOWED[..])] {
        let requests = targets().into_iter().filter(|target| target.len() < 10_000);
        let requests: Vec<_> = requests.map(|target| request.to(&target)).collect();
        for request in requests.iter().filter(|request| request.fits_http2()) {
            let _ = stand.try_send_over_http2(request);
            assert_allowed(&stand.arrived(), allowed);
        }
    }
}
