//! Every way in which a request fails, and the answer to it.

mod keys;

use std::{borrow::Cow, fmt};

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{StatusCode, header},
};
use capykeys_domain::{
    model::Invalid,
    policy::Denial,
    ports::Unavailable,
    usecases::{AccessError, AuthenticateError, NotRepeated},
};
use capykeys_gateway::{
    CredentialError, Refusal,
    sentences::{INTERNAL, OVERDUE, UNAUTHENTICATED, UNAVAILABLE},
};

const READ_ONLY: &str = "The service is read-only right now: nothing can be created, revoked or recorded.";

/// Every way in which a request fails. `Display` gives the sentence that the caller is told; none
/// repeats anything of the input or of a library.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// 400: the input is not acceptable.
    Invalid(Cow<'static, str>),
    /// 401: there is no caller.
    Unauthenticated {
        /// Whether there was a credential at all.
        credential_given: bool,
        /// Why, for the log alone.
        reason: &'static str,
    },
    /// 401: the caller has not proved that it belongs to the cluster.
    Unproven {
        /// Whether there was a token at all.
        token_given: bool,
        /// Why, for the log alone.
        reason: &'static str,
    },
    /// 403: the policy says no.
    Denied(Denial),
    /// 403: the gateway's route is not for this caller, or for nobody.
    NotLetThrough(&'static str),
    /// 404: nothing is served at this path.
    NoSuchRoute,
    /// 404: the organization has no such key.
    NoSuchKey,
    /// 409, and why.
    Conflict(&'static str),
    /// 409 or 422: the request was sent before, and is not answered as it was then.
    NotRepeated(NotRepeated),
    /// 412: the key is not as the caller knows it.
    KeyChanged,
    /// 405: the path is served, with other methods.
    MethodNotAllowed(String),
    /// 408: the request took too long to arrive.
    TooSlow,
    /// 413: the body is too large.
    BodyTooLarge,
    /// 415: the body is not JSON by its own account.
    NotJson,
    /// 431: the header fields are too large.
    HeadTooLarge,
    /// 400: it came after the last request of its connection.
    ConnectionClosing,
    /// 500: a fault of ours.
    Internal,
    /// 503: something that is needed is not there.
    Unavailable(Unavailable),
    /// 503: the answer took too long.
    Overdue,
    /// 503: the server is going out of service.
    Draining,
}

impl ApiError {
    /// A 400 with this sentence.
    pub(crate) const fn invalid(sentence: &'static str) -> Self {
        Self::Invalid(Cow::Borrowed(sentence))
    }

    /// The 401 for where there is no credential.
    pub(crate) const fn no_credential() -> Self {
        Self::Unauthenticated { credential_given: false, reason: "no credential" }
    }

    /// The same about a member of a part of the body, which stands at `place`.
    pub(crate) fn within(self, place: impl fmt::Display) -> Self {
        match self {
            Self::Invalid(sentence) => match sentence.strip_prefix('`') {
                Some(rest) => Self::Invalid(Cow::Owned(format!("`{place}.{rest}"))),
                None => Self::Invalid(sentence),
            },
            other => other,
        }
    }

    /// What a gateway is told that asks about a request: 401, 403 and 503 are all that the gateways
    /// know, and some make another error of everything else.
    pub(crate) fn for_gateway(self) -> Self {
        let unavailable = |reason| Self::Unavailable(Unavailable::new("capykeys", reason));
        match self {
            Self::Invalid(_) => Self::NotLetThrough("The request is not valid HTTP."),
            Self::HeadTooLarge => Self::NotLetThrough("The request's head is too large to be judged."),
            Self::TooSlow => unavailable("the question took too long to arrive"),
            Self::ConnectionClosing => unavailable("the connection was to be closed before this question"),
            Self::Internal => unavailable(INTERNAL),
            other => other,
        }
    }

    /// What the log says beyond the status.
    pub(crate) fn reason(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Unauthenticated { reason, .. } | Self::Unproven { reason, .. } => {
                Some(Cow::Borrowed(reason))
            }
            Self::Unavailable(unavailable) => Some(Cow::Owned(unavailable.to_string())),
            Self::Overdue => Some(Cow::Borrowed(OVERDUE)),
            Self::Draining => Some(Cow::Borrowed("draining")),
            // None of these sentences repeats anything of the input.
            Self::Invalid(sentence) => Some(sentence.clone()),
            Self::Denied(denial) => Some(Cow::Owned(denial.to_string())),
            Self::NotRepeated(reason) => Some(Cow::Owned(reason.to_string())),
            Self::NotLetThrough(sentence) => Some(Cow::Borrowed(sentence)),
            _ => None,
        }
    }

    fn add_headers(&self, answer: &mut HttpResponseBuilder) {
        match self {
            Self::Unauthenticated { credential_given, .. } => {
                // RFC 6750, section 3.1: no error code where there was no credential.
                let challenge = if *credential_given { r#"Bearer error="invalid_token""# } else { "Bearer" };
                answer.insert_header((header::WWW_AUTHENTICATE, challenge));
            }
            Self::Unproven { token_given, .. } => {
                // The realm tells it from the challenge to whom a gateway asks about.
                let challenge = if *token_given {
                    r#"Bearer realm="cluster", error="invalid_token""#
                } else {
                    r#"Bearer realm="cluster""#
                };
                answer.insert_header((header::WWW_AUTHENTICATE, challenge));
            }
            Self::MethodNotAllowed(allowed) => {
                answer.insert_header((header::ALLOW, allowed.as_str()));
            }
            // That takes longer than a failure does.
            Self::Unavailable(unavailable) if unavailable.is_read_only() => {
                answer.insert_header((header::RETRY_AFTER, "10"));
            }
            Self::Unavailable(_)
            | Self::Overdue
            | Self::Draining
            | Self::NotRepeated(NotRepeated::Running) => {
                answer.insert_header((header::RETRY_AFTER, "1"));
            }
            // What is left of the request is not worth reading.
            Self::TooSlow | Self::BodyTooLarge | Self::HeadTooLarge | Self::ConnectionClosing => {
                answer.force_close();
            }
            _ => {}
        }
    }
}

/// What the log says about an answer; travels in the answer's extensions.
pub(crate) struct Reason(pub(crate) Cow<'static, str>);

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid(sentence) => sentence,
            Self::NotLetThrough(sentence) | Self::Conflict(sentence) => sentence,
            Self::Unauthenticated { .. } => UNAUTHENTICATED,
            Self::Unproven { .. } => "A valid token of the cluster is required.",
            Self::Denied(denial) => return denial.fmt(f),
            Self::NotRepeated(reason) => return reason.fmt(f),
            Self::NoSuchRoute => "There is nothing at this path.",
            Self::NoSuchKey => "There is no such API key.",
            Self::KeyChanged => "The API key is not as `If-Match` knows it.",
            Self::MethodNotAllowed(_) => "The method is not allowed here.",
            Self::TooSlow => "The request took too long to arrive.",
            Self::BodyTooLarge => "The body is larger than 64 KiB.",
            Self::NotJson => "The body must be sent as application/json.",
            Self::HeadTooLarge => "The header fields are too large.",
            Self::ConnectionClosing => "The connection was to be closed before this request.",
            Self::Internal => INTERNAL,
            Self::Unavailable(unavailable) if unavailable.is_read_only() => READ_ONLY,
            Self::Unavailable(_) | Self::Overdue => UNAVAILABLE,
            Self::Draining => "The server is going out of service.",
        })
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Invalid(_) | Self::ConnectionClosing => StatusCode::BAD_REQUEST,
            Self::Unauthenticated { .. } | Self::Unproven { .. } => StatusCode::UNAUTHORIZED,
            Self::Denied(_) | Self::NotLetThrough(_) => StatusCode::FORBIDDEN,
            Self::NoSuchRoute | Self::NoSuchKey => StatusCode::NOT_FOUND,
            Self::NotRepeated(NotRepeated::AnotherRequest) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) | Self::NotRepeated(_) => StatusCode::CONFLICT,
            Self::KeyChanged => StatusCode::PRECONDITION_FAILED,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable(_) | Self::Overdue | Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        answer.insert_header(header::ContentType::json());
        self.add_headers(&mut answer);
        let mut answer = answer.body(body(&self.to_string()));
        if let Some(reason) = self.reason() {
            answer.extensions_mut().insert(Reason(reason));
        }
        answer
    }
}

/// The body of every error.
pub(crate) fn body(sentence: &str) -> String {
    serde_json::json!({ "error": sentence }).to_string()
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(Cow::Owned(invalid.to_string()))
    }
}

impl From<Unavailable> for ApiError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl From<CredentialError> for ApiError {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::Unclear(sentence) => Self::invalid(sentence),
            CredentialError::Refused(reason) => Self::Unauthenticated { credential_given: true, reason },
        }
    }
}

impl From<AuthenticateError> for ApiError {
    fn from(error: AuthenticateError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoCredential => Self::no_credential(),
            Refusal::Unauthenticated(reason) => Self::Unauthenticated { credential_given: true, reason },
            Refusal::Forbidden(sentence) => Self::NotLetThrough(sentence),
            Refusal::Unavailable(unavailable) => Self::Unavailable(unavailable),
            Refusal::Overdue => Self::Overdue,
            Refusal::Internal => Self::Internal.for_gateway(),
        }
    }
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Denied(denial) => Self::Denied(denial),
            AccessError::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }
}
