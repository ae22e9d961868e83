//! Why a token was refused.

use std::sync::atomic::{AtomicU64, Ordering};

use capykeys_domain::ports::{SessionError, Unavailable};
use capykeys_jwks::{SignatureError, TimesError};

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
    /// `aud` is not the configured audience, or is there and none is configured.
    Audience,
    /// `azp` is not a configured party, or no text.
    AuthorizedParty,
    /// `sts` says that the session is not (yet) signed in.
    Status,
    /// `v` is not a version that is accepted here.
    Version,
    /// The claims on the organization are not what they should be.
    Organization,
    /// The instance has no key of this `kid`.
    UnknownKey,
    /// The signature does not match.
    Signature,
}

impl Refusal {
    /// Every reason there is.
    pub const ALL: [Self; 23] = [
        Self::TooLarge,
        Self::Malformed,
        Self::Algorithm,
        Self::Type,
        Self::Category,
        Self::CriticalExtension,
        Self::EmbeddedKey,
        Self::KeyId,
        Self::Issuer,
        Self::Subject,
        Self::SessionId,
        Self::Time,
        Self::Expired,
        Self::NotYetValid,
        Self::IssuedInTheFuture,
        Self::Lifetime,
        Self::Audience,
        Self::AuthorizedParty,
        Self::Status,
        Self::Version,
        Self::Organization,
        Self::UnknownKey,
        Self::Signature,
    ];

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
            Self::Lifetime => "session token that lives too long",
            Self::Audience => "session token for another audience",
            Self::AuthorizedParty => "session token of an unauthorized party",
            Self::Status => "session not signed in",
            Self::Version => "session token of another version",
            Self::Organization => "session token with a malformed organization",
            Self::UnknownKey => "session token signed with an unknown key",
            Self::Signature => "session token with a bad signature",
        }
    }
}

/// Why there is no session.
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

impl From<VerifyError> for SessionError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Refused(refusal) => Self::Refused(refusal.as_str()),
            VerifyError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

/// How often each reason came up.
#[derive(Default)]
pub(crate) struct RefusalCounts([AtomicU64; Refusal::ALL.len()]);

impl RefusalCounts {
    pub(crate) fn count(&self, refusal: Refusal) {
        // In the order of the declaration, which is that of `ALL`: a test holds the two together.
        if let Some(count) = self.0.get(refusal as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Refusal, u64)> {
        Refusal::ALL.into_iter().zip(&self.0).map(|(refusal, count)| (refusal, count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_reason_is_listed_at_its_own_place_and_has_words_of_its_own() {
        for (place, refusal) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(refusal as usize, place, "{refusal:?}");
        }
        let words: HashSet<_> = Refusal::ALL.iter().map(|refusal| refusal.as_str()).collect();
        assert_eq!(words.len(), Refusal::ALL.len());
    }

    #[test]
    fn each_reason_is_counted_for_itself() {
        let counts = RefusalCounts::default();
        for (times, refusal) in Refusal::ALL.into_iter().enumerate() {
            (0..times).for_each(|_| counts.count(refusal));
        }
        for (times, (refusal, count)) in (0..).zip(counts.iter()) {
            assert_eq!(count, times, "{refusal:?}");
        }
    }
}
