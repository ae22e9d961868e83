//! Every way in which nobody is let through.

use std::borrow::Cow;

use capykeys_domain::{policy::Rejection, ports::Unavailable, usecases::AuthenticateError};

use crate::{
    credential::CredentialError,
    route::RouteError,
    sentences::{INTERNAL, OVERDUE, UNAUTHENTICATED, UNAVAILABLE},
};

/// Why nobody is let through. `Display` gives the sentence that the client is told.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no credential, and one is needed.
    #[error("{UNAUTHENTICATED}")]
    NoCredential,
    /// The credential is not good. The reason is for the log alone: callers are told the same for
    /// every one.
    #[error("{UNAUTHENTICATED}")]
    Unauthenticated(&'static str),
    /// The credential is good, but not for this; or nobody's is.
    #[error("{0}")]
    Forbidden(&'static str),
    /// It cannot be known right now.
    #[error("{UNAVAILABLE}")]
    Unavailable(#[from] Unavailable),
    /// The answer took too long.
    #[error("{UNAVAILABLE}")]
    Overdue,
    /// A fault of ours. That is for the log alone: to the caller, it cannot be known right now.
    #[error("{UNAVAILABLE}")]
    Internal,
}

impl Refusal {
    /// The status of the client's answer: 401, 403 and 503 are all that gateways know.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::NoCredential | Self::Unauthenticated(_) => 401,
            Self::Forbidden(_) => 403,
            Self::Unavailable(_) | Self::Overdue | Self::Internal => 503,
        }
    }

    /// The header that goes with the status.
    #[must_use]
    pub const fn header(&self) -> Option<(&'static str, &'static str)> {
        match self {
            // RFC 6750, section 3.1: no error code where there was no credential.
            Self::NoCredential => Some(("www-authenticate", "Bearer")),
            Self::Unauthenticated(_) => Some(("www-authenticate", r#"Bearer error="invalid_token""#)),
            Self::Forbidden(_) => None,
            Self::Unavailable(_) | Self::Overdue | Self::Internal => Some(("retry-after", "1")),
        }
    }

    /// What the log says beyond the status.
    #[must_use]
    pub fn reason(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NoCredential => "no credential",
            Self::Unauthenticated(reason) | Self::Forbidden(reason) => reason,
            Self::Unavailable(unavailable) => return Cow::Owned(unavailable.to_string()),
            Self::Overdue => OVERDUE,
            Self::Internal => INTERNAL,
        })
    }
}

impl From<CredentialError> for Refusal {
    fn from(error: CredentialError) -> Self {
        match error {
            // Never 400: nginx makes a 500 of every status that it does not know.
            CredentialError::Unclear(_) => Self::Unauthenticated("more than one credential"),
            CredentialError::Refused(reason) => Self::Unauthenticated(reason),
        }
    }
}

impl From<RouteError> for Refusal {
    fn from(error: RouteError) -> Self {
        Self::Forbidden(error.sentence())
    }
}

impl From<AuthenticateError> for Refusal {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Refused(reason) => Self::Unauthenticated(reason),
            AuthenticateError::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::NotFound => Self::Unauthenticated("unknown key"),
            Rejection::Revoked => Self::Unauthenticated("revoked key"),
            Rejection::Expired => Self::Unauthenticated("expired key"),
            Rejection::Disabled => Self::Unauthenticated("disabled key"),
            Rejection::OrganizationSuspended => Self::Forbidden("The organization is suspended."),
            Rejection::WrongProject => Self::Forbidden("The API key is for another project."),
            Rejection::InsufficientScope => Self::Forbidden("The credential lacks a scope that this needs."),
        }
    }
}
