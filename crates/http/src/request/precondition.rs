//! What a request asks of the state in which it finds something (RFC 9110, section 13).

use actix_web::{
    HttpRequest,
    http::header::{self, ETag, Header, IfMatch, IfNoneMatch},
};

use crate::error::ApiError;

/// Whether the client has what the tag is of, by its `If-None-Match`. One that cannot be read is none.
pub(crate) fn is_known(request: &HttpRequest, ETag(tag): &ETag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|one| one.weak_eq(tag)),
        Err(_) => false,
    }
}

/// What a change expects to find, by its `If-Match`.
pub(crate) struct Expected(Option<IfMatch>);

impl Expected {
    /// # Errors
    /// 400 where it cannot be read: what was meant to hold a change up must not be passed over.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        const UNREADABLE: ApiError =
            ApiError::invalid("`If-Match` must be the `ETag` of an answer, with its quotation marks.");
        if !request.headers().contains_key(header::IF_MATCH) {
            return Ok(Self(None));
        }
        match IfMatch::parse(request) {
            Ok(IfMatch::Items(tags)) if tags.is_empty() => Err(UNREADABLE),
            Ok(expected) => Ok(Self(Some(expected))),
            Err(_) => Err(UNREADABLE),
        }
    }

    /// Whether it is what is found. Weak tags are none (RFC 9110, section 13.1.1).
    pub(crate) fn admits(&self, tag: impl FnOnce() -> Result<ETag, ApiError>) -> bool {
        match &self.0 {
            None | Some(IfMatch::Any) => true,
            Some(IfMatch::Items(tags)) => {
                tag().is_ok_and(|ETag(found)| tags.iter().any(|one| one.strong_eq(&found)))
            }
        }
    }
}
