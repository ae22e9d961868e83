//! When a token is valid.

use std::time::Duration;

use capykeys_domain::model::Timestamp;

use crate::json::Object;

/// How far the issuer's clock and ours may be apart.
const SKEW: Duration = Duration::from_secs(5);

/// `exp`, `nbf` and `iat` (RFC 7519, section 4.1).
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When it ends to be valid.
    pub expires_at: Timestamp,
    /// When it begins to be valid, where it says.
    pub not_before: Option<Timestamp>,
    /// When it was issued.
    pub issued_at: Timestamp,
}

/// Why a token is not valid now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimesError {
    /// `exp` is past.
    #[error("expired")]
    Expired,
    /// `nbf` is to come.
    #[error("not yet valid")]
    NotYetValid,
    /// `iat` is to come.
    #[error("issued in the future")]
    IssuedInTheFuture,
}

impl Times {
    /// Reads the claims; `None` where `exp` or `iat` is absent or one of the three is no time.
    #[must_use]
    pub fn parse(claims: &Object) -> Option<Self> {
        let not_before = match claims.get("nbf") {
            None => None,
            Some(_) => Some(claims.time("nbf")?),
        };
        Some(Self { expires_at: claims.time("exp")?, not_before, issued_at: claims.time("iat")? })
    }

    /// Whether the token is valid at `now`, give or take five seconds.
    ///
    /// As with Clerk's own SDK, a token is expired exactly five seconds after `exp`, and valid
    /// exactly five seconds before `nbf` and `iat`.
    ///
    /// # Errors
    /// [`TimesError`].
    pub fn check(&self, now: Timestamp) -> Result<(), TimesError> {
        if now >= self.expires_at.saturating_add(SKEW) {
            return Err(TimesError::Expired);
        }
        let latest = now.saturating_add(SKEW);
        if self.not_before.is_some_and(|not_before| not_before > latest) {
            return Err(TimesError::NotYetValid);
        }
        if self.issued_at > latest {
            return Err(TimesError::IssuedInTheFuture);
        }
        Ok(())
    }
}
