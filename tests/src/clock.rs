//! The time, for the fields of requests.

use std::time::{Duration, SystemTime};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The machine's time, which is the service's as well.
#[expect(clippy::disallowed_methods, reason = "the service under test runs on the machine's clock")]
pub fn now() -> OffsetDateTime {
    OffsetDateTime::from(SystemTime::now())
}

/// The time `ahead` of now, as it is written in the API.
pub fn ahead(ahead: Duration) -> String {
    text(now() + ahead)
}

/// The time in RFC 3339.
pub fn text(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).expect("a time that RFC 3339 can express")
}

/// The time that an answer names.
///
/// # Panics
/// Where it is no RFC 3339 time in UTC with `Z`.
#[track_caller]
pub fn parse(text: &str) -> OffsetDateTime {
    assert!(text.ends_with('Z'), "{text} is not in UTC with Z");
    OffsetDateTime::parse(text, &Rfc3339).unwrap_or_else(|_| panic!("{text} is no RFC 3339 time"))
}

/// Seconds since the Unix epoch.
pub fn unix_seconds() -> i64 {
    now().unix_timestamp()
}
