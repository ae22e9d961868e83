//! When a token is valid.

use std::time::Duration;

use capykeys_domain::model::Timestamp;
use capykeys_jwks::Object;

use crate::refusal::Refusal;

/// How far Clerk's clock and ours may be apart.
const SKEW: Duration = Duration::from_secs(5);

/// `exp`, `nbf` and `iat`.
pub(super) struct Times {
    expires_at: Timestamp,
    not_before: Timestamp,
    issued_at: Timestamp,
}

impl Times {
    /// Reads the three claims, all of them required.
    pub(super) fn parse(claims: &Object) -> Result<Self, Refusal> {
        Ok(Self {
            expires_at: claims.time("exp").ok_or(Refusal::Time)?,
            not_before: claims.time("nbf").ok_or(Refusal::Time)?,
            issued_at: claims.time("iat").ok_or(Refusal::Time)?,
        })
    }

    /// Whether the token is valid at `now`, give or take [`SKEW`].
    ///
    /// As with Clerk's own SDK, a token is expired exactly `SKEW` after `exp`, and valid exactly
    /// `SKEW` before `nbf` and `iat`.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        if now >= self.expires_at.saturating_add(SKEW) {
            return Err(Refusal::Expired);
        }
        let latest = now.saturating_add(SKEW);
        if self.not_before > latest {
            return Err(Refusal::NotYetValid);
        }
        if self.issued_at > latest {
            return Err(Refusal::IssuedInTheFuture);
        }
        Ok(())
    }
}
