//! Every way in which a check ends without anybody being let through.

use std::{borrow::Cow, fmt};

use capykeys_domain::usecases::{
    AuthorizeError,
    sentences::{INTERNAL, OVERDUE, UNAVAILABLE},
};
use envoy_types::ext_authz::v3::pb::HttpStatusCode;
use tonic::Code;

/// Why nobody is let through. `Display` gives the sentence that the client is told.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The caller is not let through, or that cannot be known.
    Refused(AuthorizeError),
    /// The answer took too long.
    Overdue,
    /// A fault of ours. That is for the log alone: to the caller, it cannot be known right now.
    Internal,
}

impl Failure {
    /// What the client is answered.
    pub(crate) const fn status(&self) -> HttpStatusCode {
        match self {
            Self::Refused(AuthorizeError::NoCredential | AuthorizeError::Unauthenticated(_)) => {
                HttpStatusCode::Unauthorized
            }
            Self::Refused(AuthorizeError::Forbidden(_)) => HttpStatusCode::Forbidden,
            Self::Refused(AuthorizeError::Unavailable(_)) | Self::Overdue | Self::Internal => {
                HttpStatusCode::ServiceUnavailable
            }
        }
    }

    /// What the gateway itself is told: anything but `Ok` is a refusal.
    pub(crate) const fn code(&self) -> Code {
        match self.status() {
            HttpStatusCode::Unauthorized => Code::Unauthenticated,
            HttpStatusCode::ServiceUnavailable => Code::Unavailable,
            _ => Code::PermissionDenied,
        }
    }

    /// The header that goes with the status.
    pub(crate) const fn header(&self) -> Option<(&'static str, &'static str)> {
        match self {
            // RFC 6750, section 3.1: no error code where there was no credential.
            Self::Refused(AuthorizeError::NoCredential) => Some(("www-authenticate", "Bearer")),
            Self::Refused(AuthorizeError::Unauthenticated(_)) => {
                Some(("www-authenticate", r#"Bearer error="invalid_token""#))
            }
            Self::Refused(AuthorizeError::Unavailable(_)) | Self::Overdue | Self::Internal => {
                Some(("retry-after", "1"))
            }
            Self::Refused(AuthorizeError::Forbidden(_)) => None,
        }
    }

    /// What the log says beyond the status.
    pub(crate) fn reason(&self) -> Cow<'static, str> {
        match self {
            Self::Refused(error) => error.reason(),
            Self::Overdue => Cow::Borrowed(OVERDUE),
            Self::Internal => Cow::Borrowed(INTERNAL),
        }
    }
}

impl<E: Into<AuthorizeError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Overdue | Self::Internal => f.write_str(UNAVAILABLE),
        }
    }
}
