//! What a gateway is answered.

use capykeys_domain::model::RequestId;
use capykeys_gateway::{Authorized, CREDENTIAL_HEADERS, IdentityHeaders, Refusal};
use envoy_types::{
    ext_authz::v3::pb::{
        CheckResponse, DeniedHttpResponse, HeaderAppendAction, HeaderValue, HeaderValueOption, HttpResponse,
        HttpStatus, OkHttpResponse,
    },
    pb::google::rpc,
};
use tonic::Code;

/// Lets the request through. Every header is set, empty where there is nothing to say, so that none
/// of the same name from outside takes its place.
pub(crate) fn let_through(names: &IdentityHeaders, who: &Authorized) -> CheckResponse {
    let answer = OkHttpResponse {
        headers: names.of(who).map(|(name, text)| set(name, text)).collect(),
        headers_to_remove: CREDENTIAL_HEADERS.map(str::to_owned).to_vec(),
        ..OkHttpResponse::default()
    };
    response(Code::Ok, HttpResponse::OkResponse(answer))
}

/// Refuses the request, with the answer that the HTTP interface gives as well.
pub(crate) fn refuse(refusal: &Refusal, request_id: &RequestId) -> CheckResponse {
    let always = [
        ("content-type", "application/json"),
        ("x-request-id", request_id.as_str()),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ];
    let answer = DeniedHttpResponse {
        status: Some(HttpStatus { code: refusal.status().into() }),
        headers: always.into_iter().chain(refusal.header()).map(|(name, text)| set(name, text)).collect(),
        body: serde_json::json!({ "error": refusal.to_string() }).to_string(),
    };
    // To the gateway itself, anything but `Ok` is a refusal.
    let code = match refusal.status() {
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        _ => Code::Unavailable,
    };
    response(code, HttpResponse::DeniedResponse(answer))
}

fn response(code: Code, answer: HttpResponse) -> CheckResponse {
    let status = rpc::Status { code: code.into(), ..rpc::Status::default() };
    CheckResponse { status: Some(status), http_response: Some(answer), ..CheckResponse::default() }
}

fn set(name: &str, text: impl Into<String>) -> HeaderValueOption {
    let header = HeaderValue { key: name.to_owned(), value: text.into(), ..HeaderValue::default() };
    HeaderValueOption {
        header: Some(header),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        keep_empty_value: true,
        ..HeaderValueOption::default()
    }
}
