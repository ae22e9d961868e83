//! The answers that are no success, which the endpoints share.

use utoipa::{
    ToResponse, ToSchema,
    openapi::{Content, Header, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Type, schema::Schema},
};

use crate::answer::ErrorResponse;

macro_rules! responses {
    ($($name:ident: $description:literal, $example:literal, [$($header:literal: $header_description:literal),*];)*) => {
        $(
            #[doc = $description]
            pub(crate) struct $name;

            impl ToResponse<'static> for $name {
                fn response() -> (&'static str, RefOr<Response>) {
                    let headers: &[(&str, &str)] = &[$(($header, $header_description)),*];
                    (stringify!($name), RefOr::T(error($description, $example, headers)))
                }
            }
        )*

        /// All of them, for the document's components.
        pub(super) fn all() -> Vec<(&'static str, RefOr<Response>)> {
            vec![$($name::response()),*]
        }
    };
}

responses! {
    BadRequest: "The request is malformed, or an input breaks a rule.",
        "`name` is required.", [];
    Unauthorized: "There is no credential, or it is not good; which of the two, and why, is not said.",
        "A valid API key or session token is required.",
        ["WWW-Authenticate": "`Bearer`, with `error=\"invalid_token\"` where a credential was given (RFC 6750)."];
    Forbidden: "The caller may not do this in its organisation.",
        "The API key lacks the scope api_keys:write.", [];
    NotFound: "The caller has no such organisation, or the organisation no such key.",
        "There is no such organization.", [];
    MethodNotAllowed: "The path does not take this method.",
        "The method is not allowed here.", ["Allow": "The methods that it takes."];
    RequestTimeout: "The request took too long to arrive.",
        "The request took too long to arrive.", [];
    Conflict: "Reserved: the request contradicts an earlier one with the same idempotency key.",
        "The idempotency key was used for another request.", [];
    PayloadTooLarge: "The body is larger than 64 KiB.",
        "The body is larger than 64 KiB.", [];
    UnsupportedMediaType: "The body is not sent as `application/json`.",
        "The body must be sent as application/json.", [];
    TooManyRequests: "Too many requests; try again later. Given by the gateway in front.",
        "Too many requests.", ["Retry-After": "After how many seconds to try again."];
    HeadersTooLarge: "The header fields are too large.",
        "The header fields are too large.", [];
    InternalError: "A fault of the server.",
        "Something went wrong here.", [];
    ServiceUnavailable: "Something that the service needs is not there right now.",
        "The service is not available right now.", ["Retry-After": "After how many seconds to try again."];
}

fn error(description: &str, example: &str, headers: &[(&str, &str)]) -> Response {
    let schema = Ref::from_schema_name(ErrorResponse::name());
    let mut content = Content::new(Some(schema));
    content.example = Some(serde_json::json!({ "error": example }));
    headers
        .iter()
        .fold(ResponseBuilder::new().description(description), |response, (name, description)| {
            response.header(*name, header(description))
        })
        .content("application/json", content)
        .build()
}

/// A header that is text.
pub(super) fn header(description: &str) -> Header {
    let text: Schema = ObjectBuilder::new().schema_type(Type::String).into();
    let mut header = Header::new(text);
    header.description = Some(description.to_owned());
    header
}
