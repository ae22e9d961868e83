//! What a request asks of the state in which it finds something (RFC 9110, section 13).

use actix_web::{
    HttpRequest,
    http::header::{ETag, Header, IfNoneMatch},
};

/// Whether the client has what the tag is of, by its `If-None-Match`. One that cannot be read is none.
pub(crate) fn is_known(request: &HttpRequest, ETag(tag): &ETag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|one| one.weak_eq(tag)),
        Err(_) => false,
    }
}
