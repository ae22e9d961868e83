//! Why a token was refused.

use capykeys_domain::ports::{ClusterCallerError, Unavailable};
use capykeys_jwks::{SignatureError, TimesError};

/// Why a token was refused. For the log alone: callers get one and the same answer for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Longer than any token of a cluster.
    TooLarge,
    /// Not three parts of unpadded base64url, or a part that is no JSON object with unique members.
    Malformed,
    /// `alg` is neither RS256 nor ES256.
    Algorithm,
    /// `typ` is there and not `JWT`.
    Type,
    /// `crit` asks for an extension; none is understood.
    CriticalExtension,
    /// The header brings a key, or says where to find one.
    EmbeddedKey,
    /// `kid` is absent where it is needed, or no text.
    KeyId,
    /// `iss` is absent, or not the configured one.
    Issuer,
    /// `aud` is absent, or the configured audience is not in it.
    Audience,
    /// `sub` is absent, or nothing that could name a workload.
    Subject,
    /// A time is absent, or not a whole number of seconds that a calendar has, or there is no time at which
    /// the token is valid.
    Time,
    /// `exp` is past.
    Expired,
    /// `nbf` is to come.
    NotYetValid,
    /// `iat` is to come.
    IssuedInTheFuture,
    /// From `iat` to `exp` it is longer than a token may live.
    Lifetime,
    /// `sub` is not in the configured list.
    NotAllowed,
    /// The cluster has no key of this `kid` and `alg`.
    UnknownKey,
    /// The signature does not match.
    Signature,
}

impl Refusal {
    /// The reason in the words of the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "cluster token too large",
            Self::Malformed => "malformed cluster token",
            Self::Algorithm => "cluster token signed with neither RS256 nor ES256",
            Self::Type => "cluster token of another type",
            Self::CriticalExtension => "cluster token with a critical extension",
            Self::EmbeddedKey => "cluster token that brings its own key",
            Self::KeyId => "cluster token without a key id",
            Self::Issuer => "cluster token of another issuer",
            Self::Audience => "cluster token for another audience",
            Self::Subject => "cluster token without a subject",
            Self::Time => "cluster token without valid times",
            Self::Expired => "expired cluster token",
            Self::NotYetValid => "cluster token not yet valid",
            Self::IssuedInTheFuture => "cluster token issued in the future",
            Self::Lifetime => "cluster token that lives too long",
            Self::NotAllowed => "cluster token of a subject that is not in the list",
            Self::UnknownKey => "cluster token signed with an unknown key",
            Self::Signature => "cluster token with a bad signature",
        }
    }
}

impl From<TimesError> for Refusal {
    fn from(error: TimesError) -> Self {
        match error {
            TimesError::Expired => Self::Expired,
            TimesError::NotYetValid => Self::NotYetValid,
            TimesError::IssuedInTheFuture => Self::IssuedInTheFuture,
            TimesError::NeverValid => Self::Time,
            TimesError::LivesTooLong => Self::Lifetime,
        }
    }
}

/// Why there is no caller.
pub(crate) enum VerifyError {
    /// The token is no good.
    Refused(Refusal),
    /// The token may be good, but the keys cannot be had.
    Unavailable(Unavailable),
}

impl From<Refusal> for VerifyError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<SignatureError> for VerifyError {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::NoKeyId => Self::Refused(Refusal::KeyId),
            SignatureError::UnknownKey => Self::Refused(Refusal::UnknownKey),
            SignatureError::Mismatch => Self::Refused(Refusal::Signature),
            SignatureError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

impl From<VerifyError> for ClusterCallerError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Refused(refusal) => Self::Refused(refusal.as_str()),
            VerifyError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}
