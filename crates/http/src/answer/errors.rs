//! The answers that are no success, which the endpoints share.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, ToSchema,
    openapi::{Content, Header, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Type, schema::Schema},
};

use super::ErrorResponse;

/// An answer as the document's components describe it.
struct ErrorAnswer {
    status: u16,
    name: &'static str,
    description: &'static str,
    example: &'static str,
    /// Its header, besides those of every answer: the name and what it says.
    header: Option<(&'static str, &'static str)>,
}

const RETRY_AFTER: Option<(&str, &str)> = Some(("Retry-After", "After how many seconds to try again."));
const ALLOW: Option<(&str, &str)> = Some(("Allow", "The methods that it takes."));
const WWW_AUTHENTICATE: Option<(&str, &str)> = Some((
    "WWW-Authenticate",
    "`Bearer`, with `error=\"invalid_token\"` where a credential was given (RFC 6750).",
));

#[rustfmt::skip]
const ALL: [ErrorAnswer; 15] = [
    ErrorAnswer { status: 400, name: "BadRequest", description: "The request is malformed, or an input breaks a rule.",
        example: "`name` is required.", header: None },
    ErrorAnswer { status: 401, name: "Unauthorized", description: "There is no credential, or it is not good; which of the two, and why, is not said.",
        example: "A valid API key or session token is required.", header: WWW_AUTHENTICATE },
    ErrorAnswer { status: 403, name: "Forbidden", description: "The caller may not do this, or the organization is not the caller's; whether it exists is not said.",
        example: "The API key lacks the scope api_keys:write.", header: None },
    ErrorAnswer { status: 404, name: "NotFound", description: "The organization has no such key, or there is nothing at the path.",
        example: "There is no such API key.", header: None },
    ErrorAnswer { status: 405, name: "MethodNotAllowed", description: "The path does not take this method.",
        example: "The method is not allowed here.", header: ALLOW },
    ErrorAnswer { status: 408, name: "RequestTimeout", description: "The request took too long to arrive.",
        example: "The request took too long to arrive.", header: None },
    ErrorAnswer { status: 409, name: "Conflict", description: "Reserved: a request with this idempotency key is still running.",
        example: "A request with this idempotency key is still running.", header: None },
    ErrorAnswer { status: 412, name: "PreconditionFailed", description: "The key is not as `If-Match` knows it: somebody has changed it.",
        example: "The API key is not as `If-Match` knows it.", header: None },
    ErrorAnswer { status: 413, name: "PayloadTooLarge", description: "The body is larger than 64 KiB.",
        example: "The body is larger than 64 KiB.", header: None },
    ErrorAnswer { status: 415, name: "UnsupportedMediaType", description: "The body is not sent as `application/json`.",
        example: "The body must be sent as application/json.", header: None },
    ErrorAnswer { status: 422, name: "Unprocessable", description: "Reserved: the idempotency key was used with another body.",
        example: "The idempotency key was used with another body.", header: None },
    ErrorAnswer { status: 429, name: "TooManyRequests", description: "Too many requests; try again later. Given by the gateway in front.",
        example: "Too many requests.", header: RETRY_AFTER },
    ErrorAnswer { status: 431, name: "HeadersTooLarge", description: "The header fields are too large.",
        example: "The header fields are too large.", header: None },
    ErrorAnswer { status: 500, name: "InternalError", description: "A fault of the server.",
        example: "Something went wrong here.", header: None },
    ErrorAnswer { status: 503, name: "ServiceUnavailable", description: "Something that the service needs is not there right now, or the service is read-only and the request would change something.",
        example: "The service is not available right now.", header: RETRY_AFTER },
];

macro_rules! sets {
    ($($(#[$doc:meta])* $name:ident: [$($status:literal),*];)*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    references(&[$($status),*])
                }
            }
        )*
    };
}

sets! {
    /// What anybody may be answered.
    PublicErrors: [400, 405, 408, 431, 500, 503];
    /// What anybody may be answered where the gateway counts.
    CountedErrors: [400, 405, 408, 429, 431, 500, 503];
    /// What a caller may be answered who signs in.
    CallerErrors: [400, 401, 405, 408, 413, 415, 429, 431, 500, 503];
    /// What a caller may be answered who asks for its organization.
    OwnOrganizationErrors: [400, 401, 403, 405, 408, 413, 415, 429, 431, 500, 503];
    /// What a caller may be answered who asks for something in an organization.
    OrganizationErrors: [400, 401, 403, 404, 405, 408, 413, 415, 429, 431, 500, 503];
    /// What a caller may be answered who creates something.
    CreationErrors: [400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 431, 500, 503];
}

/// What a newer server or something in between may answer. Not `default`, which some generators cannot have beside
/// a success.
const OTHERS: [(&str, &str, &str); 2] = [
    ("4XX", "ClientError", "The request cannot be done as it is."),
    ("5XX", "ServerError", "The request failed, and may have been good."),
];

/// A 401 that says nothing of a key.
const UNPROVEN: ErrorAnswer = ErrorAnswer {
    status: 401,
    name: "Unproven",
    description: "The caller has not proved that it belongs to the cluster; which of the ways was asked for is not said.",
    example: "A valid token of the cluster is required.",
    header: Some((
        "WWW-Authenticate",
        "`Bearer realm=\"cluster\"`, with `error=\"invalid_token\"` where a token was given.",
    )),
};

/// A 409 that has nothing to do with idempotency keys.
const KEY_OVER: ErrorAnswer = ErrorAnswer {
    status: 409,
    name: "KeyOver",
    description: "The key is revoked or has expired, so that nothing of it changes any more.",
    example: "The API key is revoked.",
    header: None,
};

/// What a caller may be answered who changes a key.
pub(crate) struct ChangeErrors;

impl IntoResponses for ChangeErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = OrganizationErrors::responses();
        responses.insert(KEY_OVER.status.to_string(), Ref::from_response_name(KEY_OVER.name).into());
        responses
    }
}

/// A 409 of a rotation, besides those.
const ROTATING: ErrorAnswer = ErrorAnswer {
    status: 409,
    name: "KeyRotating",
    description: "The key is revoked or has expired; or its previous secret is still good, and which of the two is to go was not said.",
    example: "The API key is being rotated: its previous secret is still good. Finish that rotation first.",
    header: None,
};

/// What a caller may be answered who rotates a key.
pub(crate) struct RotationErrors;

impl IntoResponses for RotationErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = OrganizationErrors::responses();
        responses.insert(ROTATING.status.to_string(), Ref::from_response_name(ROTATING.name).into());
        responses
    }
}

/// The same of one who says what the key is like before.
pub(crate) struct UpdateErrors;

impl IntoResponses for UpdateErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = ChangeErrors::responses();
        responses.extend(references(&[412]));
        responses
    }
}

/// What a caller of the cluster may be answered.
pub(crate) struct ClusterErrors;

impl IntoResponses for ClusterErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = references(&[400, 404, 405, 408, 413, 415, 431, 500, 503]);
        responses.insert(UNPROVEN.status.to_string(), Ref::from_response_name(UNPROVEN.name).into());
        responses
    }
}

/// Those that are named, and that every other one has the same body.
fn references(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    let wanted = ALL.iter().filter(|one| statuses.contains(&one.status));
    let wanted = wanted.map(|one| (one.status.to_string(), one.name));
    let others = OTHERS.iter().map(|(range, name, _)| ((*range).to_owned(), *name));
    wanted.chain(others).map(|(status, name)| (status, Ref::from_response_name(name).into())).collect()
}

/// All of them, for the document's components.
pub(crate) fn all() -> impl Iterator<Item = (String, RefOr<Response>)> {
    let named = ALL.iter().chain([&UNPROVEN, &KEY_OVER, &ROTATING]).map(|one| (one.name, error(one)));
    let others =
        OTHERS.iter().map(|&(_, name, description)| (name, body(description, "Something is wrong.").build()));
    named.chain(others).map(|(name, response)| (name.to_owned(), RefOr::T(response)))
}

fn error(of: &ErrorAnswer) -> Response {
    let response = body(of.description, of.example);
    match of.header {
        Some((name, description)) => response.header(name, header(description)).build(),
        None => response.build(),
    }
}

fn body(description: &str, example: &str) -> ResponseBuilder {
    let mut content = Content::new(Some(Ref::from_schema_name(ErrorResponse::name())));
    content.example = Some(serde_json::json!({ "error": example }));
    ResponseBuilder::new().description(description).content("application/json", content)
}

/// A header that is text.
pub(crate) fn header(description: &str) -> Header {
    let text: Schema = ObjectBuilder::new().schema_type(Type::String).into();
    let mut header = Header::new(text);
    header.description = Some(description.to_owned());
    header
}
