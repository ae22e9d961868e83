//! Why tokens are refused.

/// Why a token is refused, whatever kind of token it is. What adapters check on top has reasons of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenError {
    /// Longer than [`MAX_TOKEN_BYTES`](crate::MAX_TOKEN_BYTES).
    TooLarge,
    /// Not three parts of unpadded base64url, a part that is no JSON object with unique members, or a
    /// signature that does not have the length of its algorithm's.
    Malformed,
    /// `alg` is none that is accepted.
    Algorithm,
    /// `typ` is not `JWT`.
    Type,
    /// `crit` asks for an extension; none is understood.
    CriticalExtension,
    /// The header brings a key, or says where to find one.
    EmbeddedKey,
    /// `kid` is absent where it is needed, or no text.
    KeyId,
    /// `aud` does not name the audience, or is there where none is expected.
    Audience,
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
    /// The issuer has no key of this `kid` and `alg`.
    UnknownKey,
    /// The signature does not match.
    Signature,
}

impl TokenError {
    /// Every reason there is.
    pub const ALL: [Self; 15] = [
        Self::TooLarge,
        Self::Malformed,
        Self::Algorithm,
        Self::Type,
        Self::CriticalExtension,
        Self::EmbeddedKey,
        Self::KeyId,
        Self::Audience,
        Self::Time,
        Self::Expired,
        Self::NotYetValid,
        Self::IssuedInTheFuture,
        Self::Lifetime,
        Self::UnknownKey,
        Self::Signature,
    ];
}

/// A [`TokenError`] in the words of the log: of which kind the token is, and what is wrong with one that has
/// another algorithm.
#[macro_export]
macro_rules! token_error_words {
    ($error:expr, $kind:literal, $algorithm:literal) => {
        match $error {
            $crate::TokenError::TooLarge => concat!($kind, " token too large"),
            $crate::TokenError::Malformed => concat!("malformed ", $kind, " token"),
            $crate::TokenError::Algorithm => concat!($kind, " token ", $algorithm),
            $crate::TokenError::Type => concat!($kind, " token of another type"),
            $crate::TokenError::CriticalExtension => concat!($kind, " token with a critical extension"),
            $crate::TokenError::EmbeddedKey => concat!($kind, " token that brings its own key"),
            $crate::TokenError::KeyId => concat!($kind, " token without a key id"),
            $crate::TokenError::Audience => concat!($kind, " token for another audience"),
            $crate::TokenError::Time => concat!($kind, " token without valid times"),
            $crate::TokenError::Expired => concat!("expired ", $kind, " token"),
            $crate::TokenError::NotYetValid => concat!($kind, " token not yet valid"),
            $crate::TokenError::IssuedInTheFuture => concat!($kind, " token issued in the future"),
            $crate::TokenError::Lifetime => concat!($kind, " token that lives too long"),
            $crate::TokenError::UnknownKey => concat!($kind, " token signed with an unknown key"),
            $crate::TokenError::Signature => concat!($kind, " token with a bad signature"),
        }
    };
}
