//! The answers to what never became a request.

use std::time::{Duration, SystemTime};

use actix_web::{
    ResponseError,
    http::{StatusCode, header::HttpDate},
};
use capykeys_listener::AccessRecord;
use memchr::memmem;

use crate::{
    error::{self, ApiError},
    exchange::Shared,
};

/// The dispatcher's own answers are shorter than this.
const LONGEST: usize = 256;

/// Finds an answer of the dispatcher's own at the end of what it writes: the only ones that are
/// errors without a body. Gives its place and what is to be said instead. Time is not kept by the
/// dispatcher, so none of them is 408.
///
/// Nothing else can look like it: our own errors have a body, JSON holds no line breaks, and after
/// the end of a chunk follows the length of the next.
pub(super) fn find(written: &[u8]) -> Option<(usize, ApiError)> {
    if !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    let from = written.len().saturating_sub(LONGEST);
    // Found much faster, and in none of our own.
    memmem::find(&written[from..], b"\r\ncontent-length: 0\r\n")?;
    let place = from + written[from..].windows(7).rposition(|window| window == b"HTTP/1.")?;
    let head = str::from_utf8(&written[place..]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?;
    if lines.next()? != "content-length: 0" {
        return None;
    }
    let error = match status {
        "400" => ApiError::invalid("The request is not valid HTTP."),
        "431" => ApiError::HeadTooLarge,
        "500" => ApiError::Internal,
        _ => return None,
    };
    Some((place, error))
}

/// The whole answer to what never became a request, which ends the connection. It gets an id and a
/// line in the log like any other.
pub(super) fn answer(shared: &Shared, error: &ApiError) -> String {
    let request_id = shared.verdicts.environment().request_id(None);
    let status = error.status_code();
    let mut record = AccessRecord::begin(request_id.clone(), shared.asked(), |_| None);
    (record.status, record.complete, record.reason) = (Some(status.as_u16()), true, error.reason());
    let micros = u64::try_from(shared.verdicts.environment().now().unix_micros()).unwrap_or(0);
    let date = HttpDate::from(SystemTime::UNIX_EPOCH + Duration::from_micros(micros));
    let body = error::body(&error.to_string());
    let length = body.len();
    let retry = if status == StatusCode::SERVICE_UNAVAILABLE { "retry-after: 1\r\n" } else { "" };
    format!(
        "HTTP/1.1 {status}\r\n\
         content-type: application/json\r\n\
         content-length: {length}\r\n\
         x-request-id: {request_id}\r\n\
         cache-control: no-store\r\n\
         x-content-type-options: nosniff\r\n\
         connection: close\r\n\
         {retry}\
         date: {date}\r\n\
         \r\n\
         {body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";

    #[test]
    fn the_dispatchers_own_answer_is_found_also_behind_another() {
        assert_eq!(find(EMPTY.as_bytes()).unwrap().0, 0);
        let behind =
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n{EMPTY}");
        assert_eq!(find(behind.as_bytes()).unwrap().0, behind.len() - EMPTY.len());
    }

    #[test]
    fn our_own_answers_are_left_alone() {
        for text in [
            "HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 42\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "a\r\n{\"a\":\"HTTP/1.1 400 Bad Request\"}\r\n0\r\n\r\n",
            "0\r\n\r\n",
            "\r\n\r\n",
            "",
        ] {
            assert!(find(text.as_bytes()).is_none(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_is_written_makes_it_panic(mut written: Vec<u8>) {
            written.extend_from_slice(b"HTTP/1.\r\n\r\n");
            let _ = find(&written);
        }
    }
}
