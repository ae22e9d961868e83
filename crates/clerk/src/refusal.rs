//! Why a token was refused.

use capykeys_domain::ports::SessionError;

/// Why a token was refused. For the log and for metrics alone: callers get one and the same answer
/// for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Longer than any session token.
    TooLarge,
    /// Not three parts of unpadded base64url, or a part that is no JSON object with unique members.
    Malformed,
    /// `alg` is not RS256.
    Algorithm,
    /// `typ` is not `JWT`.
    Type,
    /// `cat` names another kind of token than a session's.
    Category,
    /// `crit` asks for an extension; none is understood.
    CriticalExtension,
    /// The header brings a key, or says where to find one.
    EmbeddedKey,
    /// `kid` is absent where it is needed, or no text.
    KeyId,
    /// `iss` is absent, or no configured instance's.
    Issuer,
    /// `sub` is not a user's id.
    Subject,
    /// `sid` is not a session's id.
    SessionId,
    /// A time is absent, or not a whole number of seconds that a calendar has.
    Time,
    /// `exp` is past.
    Expired,
    /// `nbf` is to come.
    NotYetValid,
    /// `iat` is to come.
    IssuedInTheFuture,
    /// `azp` is not a configured party, or no text.
    AuthorizedParty,
    /// `sts` says that the session is not (yet) signed in.
    Status,
    /// `v` is not a version that is accepted here.
    Version,
    /// The claims on the organisation are not what they should be.
    Organization,
    /// The instance has no key of this `kid`.
    UnknownKey,
    /// The signature does not match.
    Signature,
}

impl Refusal {
    /// The reason in the words of the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "session token too large",
            Self::Malformed => "malformed session token",
            Self::Algorithm => "session token not signed with RS256",
            Self::Type => "session token of another type",
            Self::Category => "session token of another category",
            Self::CriticalExtension => "session token with a critical extension",
            Self::EmbeddedKey => "session token that brings its own key",
            Self::KeyId => "session token without a key id",
            Self::Issuer => "session token of an unknown issuer",
            Self::Subject => "session token without a user",
            Self::SessionId => "session token without a session",
            Self::Time => "session token without valid times",
            Self::Expired => "expired session token",
            Self::NotYetValid => "session token not yet valid",
            Self::IssuedInTheFuture => "session token issued in the future",
            Self::AuthorizedParty => "session token of an unauthorized party",
            Self::Status => "session not signed in",
            Self::Version => "session token of another version",
            Self::Organization => "session token with a malformed organization",
            Self::UnknownKey => "session token signed with an unknown key",
            Self::Signature => "session token with a bad signature",
        }
    }
}

impl From<Refusal> for SessionError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.as_str())
    }
}
