//! Why a token was refused.

use capykeys_domain::ports::ClusterCallerError;
use capykeys_jwks::{TokenError, token_error_words};

/// Why a token was refused. For the log alone: callers get one and the same answer for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// For what a token of any kind is refused.
    Token(TokenError),
    /// `iss` is absent, or not the configured one.
    Issuer,
    /// `sub` is absent, or nothing that could name a workload.
    Subject,
    /// `sub` is not in the configured list.
    NotAllowed,
}

impl Refusal {
    /// The reason in the words of the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token(error) => {
                token_error_words!(error, "cluster", "signed with neither RS256 nor ES256")
            }
            Self::Issuer => "cluster token of another issuer",
            Self::Subject => "cluster token without a subject",
            Self::NotAllowed => "cluster token of a subject that is not in the list",
        }
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<Refusal> for ClusterCallerError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.as_str())
    }
}
