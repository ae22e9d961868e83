//! Why a token was refused.

use std::sync::atomic::{AtomicU64, Ordering};

use capykeys_domain::ports::SessionError;
use capykeys_jwks::{TokenError, token_error_words};

/// Why a token was refused. For the log and for metrics alone: callers get one and the same answer
/// for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// For what a token of any kind is refused.
    Token(TokenError),
    /// `cat` names another kind of token than a session's.
    Category,
    /// `iss` is absent, or no configured instance's.
    Issuer,
    /// `sub` is not a user's id.
    Subject,
    /// `sid` is not a session's id.
    SessionId,
    /// `azp` is not a configured party, or no text.
    AuthorizedParty,
    /// `sts` says that the session is not (yet) signed in.
    Status,
    /// `v` is not a version that is accepted here.
    Version,
    /// The claims on the organization are not what they should be.
    Organization,
}

impl Refusal {
    /// Every reason there is.
    pub fn all() -> impl Iterator<Item = Self> {
        TokenError::ALL.into_iter().map(Self::Token).chain([
            Self::Category,
            Self::Issuer,
            Self::Subject,
            Self::SessionId,
            Self::AuthorizedParty,
            Self::Status,
            Self::Version,
            Self::Organization,
        ])
    }

    /// The reason in the words of the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token(error) => token_error_words!(error, "session", "not signed with RS256"),
            Self::Category => "session token of another category",
            Self::Issuer => "session token of an unknown issuer",
            Self::Subject => "session token without a user",
            Self::SessionId => "session token without a session",
            Self::AuthorizedParty => "session token of an unauthorized party",
            Self::Status => "session not signed in",
            Self::Version => "session token of another version",
            Self::Organization => "session token with a malformed organization",
        }
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<Refusal> for SessionError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.as_str())
    }
}

/// How often each reason came up.
pub(crate) struct RefusalCounts(Vec<(Refusal, AtomicU64)>);

impl Default for RefusalCounts {
    fn default() -> Self {
        Self(Refusal::all().map(|refusal| (refusal, AtomicU64::new(0))).collect())
    }
}

impl RefusalCounts {
    /// Counts the reason that has these words.
    pub(crate) fn count(&self, words: &str) {
        if let Some((_, count)) = self.0.iter().find(|(refusal, _)| refusal.as_str() == words) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Refusal, u64)> {
        self.0.iter().map(|(refusal, count)| (*refusal, count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_reason_has_words_of_its_own() {
        let words: HashSet<_> = Refusal::all().map(Refusal::as_str).collect();
        assert_eq!(words.len(), Refusal::all().count());
    }

    #[test]
    fn each_reason_is_counted_for_itself() {
        let counts = RefusalCounts::default();
        for (times, refusal) in Refusal::all().enumerate() {
            (0..times).for_each(|_| counts.count(refusal.as_str()));
        }
        for (times, (refusal, count)) in (0..).zip(counts.iter()) {
            assert_eq!(count, times, "{refusal:?}");
        }
    }
}
