//! What a request asks of the state in which it finds something (RFC 9110, section 13).

use actix_web::{
    HttpRequest,
    http::header::{self, ETag, Header, HeaderValue, IfMatch, IfNoneMatch},
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
        let mut fields = request.headers().get_all(header::IF_MATCH).peekable();
        if fields.peek().is_none() {
            return Ok(Self(None));
        }
        // The parser passes over what it cannot read, and over all that stands beside a `*`.
        let given: usize = fields.map(members).sum();
        match IfMatch::parse(request) {
            Ok(IfMatch::Any) if given == 1 => Ok(Self(Some(IfMatch::Any))),
            Ok(IfMatch::Items(tags)) if given == tags.len() && given > 0 => {
                Ok(Self(Some(IfMatch::Items(tags))))
            }
            _ => Err(UNREADABLE),
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

/// How many stand in the list; tags of ours have no commas.
fn members(field: &HeaderValue) -> usize {
    let text = field.to_str().unwrap_or_default();
    text.split(',').filter(|one| !one.trim().is_empty()).count()
}

#[cfg(test)]
mod tests {
    use actix_web::{http::header::EntityTag, test::TestRequest};

    use super::*;

    /// Whether a change goes on that finds the tag `now`; `None` where it is refused as unreadable.
    fn goes_on(fields: &[&str]) -> Option<bool> {
        let request = fields
            .iter()
            .fold(TestRequest::default(), |request, field| request.append_header((header::IF_MATCH, *field)));
        let expected = Expected::of(&request.to_http_request()).ok()?;
        Some(expected.admits(|| Ok(ETag(EntityTag::new_strong("now".to_owned())))))
    }

    #[test]
    fn a_change_goes_on_where_one_of_all_tags_is_the_present_one() {
        for (fields, expected) in [
            (&[][..], true),
            (&["*"], true),
            (&["\"now\""], true),
            (&["\"then\", \"now\""], true),
            (&["\"then\"", "\"now\""], true),
            (&["\"then\""], false),
            (&["W/\"now\""], false),
        ] {
            assert_eq!(goes_on(fields), Some(expected), "{fields:?}");
        }
    }

    /// Whoever sends it wants the change held up.
    #[test]
    fn what_can_be_read_in_part_alone_is_refused() {
        for fields in [
            &[""][..],
            &[","],
            &["now"],
            &["*", "\"then\""],
            &["\"then\"", "*"],
            &["*", "*"],
            &["*, \"now\""],
            &["then, \"now\""],
            &["\"now\"", "then"],
            &["\"then, \"now\" ,too\""],
            &["\"now\",\u{e9}"],
        ] {
            assert_eq!(goes_on(fields), None, "{fields:?}");
        }
    }
}
