//! Checks as Envoy asks for them, and what it is answered.

use std::collections::HashMap;

use envoy_types::{
    ext_authz::v3::pb::{
        CheckRequest, CheckResponse, DeniedHttpResponse, HeaderAppendAction, HeaderValueOption, HttpResponse,
        OkHttpResponse,
    },
    pb::envoy::service::auth::v3::{
        AttributeContext,
        attribute_context::{HttpRequest, Request},
    },
};
use serde_json::Value;

/// A check of a GET of `path`.
pub(crate) fn ask(path: &str, headers: &[(&str, &str)], settings: &[(&str, &str)]) -> CheckRequest {
    let http = HttpRequest {
        method: "GET".to_owned(),
        host: "api.example.com".to_owned(),
        path: path.to_owned(),
        headers: map(headers),
        ..HttpRequest::default()
    };
    let attributes = AttributeContext {
        request: Some(Request { http: Some(http), ..Request::default() }),
        context_extensions: map(settings),
        ..AttributeContext::default()
    };
    CheckRequest { attributes: Some(attributes) }
}

fn map(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The answer that lets through.
pub(crate) fn let_through(answer: CheckResponse) -> OkHttpResponse {
    assert_eq!(answer.status.as_ref().unwrap().code, 0, "{answer:?}");
    match answer.http_response {
        Some(HttpResponse::OkResponse(ok)) => ok,
        other => panic!("not let through: {other:?}"),
    }
}

/// The answer that refuses, with its sentence, after a check of everything that every refusal has.
pub(crate) fn refused(answer: CheckResponse, status: i32) -> (DeniedHttpResponse, String) {
    assert_ne!(answer.status.as_ref().unwrap().code, 0, "{answer:?}");
    let Some(HttpResponse::DeniedResponse(denied)) = answer.http_response else {
        panic!("not refused: {answer:?}")
    };
    assert_eq!(denied.status.as_ref().unwrap().code, status, "{denied:?}");
    assert_eq!(header(&denied.headers, "content-type"), Some("application/json"));
    assert_eq!(header(&denied.headers, "cache-control"), Some("no-store"));
    assert!(header(&denied.headers, "x-request-id").is_some());
    let body: Value = serde_json::from_str(&denied.body).unwrap();
    let sentence = body["error"].as_str().unwrap().to_owned();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    (denied, sentence)
}

/// The header's only value, which takes the place of any other.
pub(crate) fn header<'a>(headers: &'a [HeaderValueOption], name: &str) -> Option<&'a str> {
    let mut found = headers.iter().filter(|option| option.header.as_ref().unwrap().key == name);
    let option = found.next()?;
    assert!(found.next().is_none(), "{name} is there twice");
    assert_eq!(option.append_action, i32::from(HeaderAppendAction::OverwriteIfExistsOrAdd));
    Some(&option.header.as_ref().unwrap().value)
}
