//! `GET /docs` and `GET /console`: the pages for people, and their files.

use std::sync::Arc;

use actix_web::{
    HttpMessage, HttpResponse,
    http::{
        Method,
        header::{ETag, EntityTag, Header, IfNoneMatch},
    },
    web,
};
use capykeys_pages::{HEADERS, Page};

use crate::{error::ApiError, request::call::Call, routing::Endpoint};

/// The page itself and what belongs to it. Not in the OpenAPI document, which is for programs.
pub(crate) fn endpoints(page: &Page) -> [Endpoint; 2] {
    let served = Arc::new(page.clone());
    [page.path, page.files_path].map(|path| {
        let page = Arc::clone(&served);
        let answer = move |call: Call| {
            let answer = get_page(&page, &call);
            async move { answer }
        };
        Endpoint::undocumented(path, vec![Method::GET, Method::HEAD], web::to(answer))
    })
}

fn get_page(page: &Page, call: &Call) -> Result<HttpResponse, ApiError> {
    // The page itself has no name, and nothing else has none: a path does not match where it is empty.
    let file = page.file(call.request.match_info().query("file")).ok_or(ApiError::NoSuchRoute)?;
    let tag = EntityTag::new_strong(file.tag.clone());
    let is_known = is_known(&call.request, &tag);
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    for header in HEADERS {
        answer.insert_header(header);
    }
    answer.insert_header(ETag(tag));
    Ok(if is_known { answer.finish() } else { answer.content_type(file.media_type).body(file.content) })
}

/// Whether the browser has it already (RFC 9110, section 13.1.2).
fn is_known(request: &impl HttpMessage, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|one| one.weak_eq(tag)),
        Err(_) => false,
    }
}
