//! When a token is valid.

use std::time::Duration;

use capykeys_domain::model::Timestamp;

use crate::{json::Object, refusal::Refusal};

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
            expires_at: time(claims, "exp")?,
            not_before: time(claims, "nbf")?,
            issued_at: time(claims, "iat")?,
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

/// A whole number of seconds since the epoch. RFC 7519 would allow fractions; Clerk writes none.
fn time(claims: &Object, name: &str) -> Result<Timestamp, Refusal> {
    claims
        .get(name)
        .and_then(serde_json::Value::as_u64)
        .and_then(|seconds| seconds.checked_mul(1_000_000))
        .and_then(|micros| i64::try_from(micros).ok())
        .and_then(Timestamp::from_unix_micros)
        .ok_or(Refusal::Time)
}
