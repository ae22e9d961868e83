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

/// Why a token is not valid.
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
    /// `exp` is not after both `nbf` and `iat`: there is no time at which it is valid.
    #[error("never valid")]
    NeverValid,
    /// From `iat` to `exp` it is longer than a token may live.
    #[error("lives too long")]
    LivesTooLong,
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

    /// Whether the token is valid at `now`, give or take five seconds, and meant to be so for no longer
    /// than `max_lifetime`, which is counted from `iat` to `exp`. So nothing that an issuer signs by
    /// mistake is valid for long: `iat` cannot be to come, nor lie far back.
    ///
    /// As with Clerk's own SDK, a token is expired exactly five seconds after `exp`, and valid
    /// exactly five seconds before `nbf` and `iat`. `nbf` may be before `iat`: Clerk writes it so, and
    /// it makes nothing valid that `iat` does not.
    ///
    /// # Errors
    /// [`TimesError`].
    pub fn check(&self, now: Timestamp, max_lifetime: Duration) -> Result<(), TimesError> {
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
        let begins_at = self.not_before.map_or(self.issued_at, |time| time.max(self.issued_at));
        if self.expires_at <= begins_at {
            return Err(TimesError::NeverValid);
        }
        if self.expires_at.since(self.issued_at) > max_lifetime {
            return Err(TimesError::LivesTooLong);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(seconds * 1_000_000).unwrap()
    }

    /// Near now, where the limits are, or anywhere in the calendar.
    fn seconds() -> impl Strategy<Value = i64> {
        prop_oneof![4 => NOW - 100..=NOW + 100, 1 => 0..=253_402_300_799_i64]
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_valid_at_some_time_and_soon_over(
            exp in seconds(),
            nbf in prop::option::of(seconds()),
            iat in seconds(),
            max in 1..=120_u64,
        ) {
            let times = Times { expires_at: at(exp), not_before: nbf.map(at), issued_at: at(iat) };
            let begins = nbf.unwrap_or(iat).max(iat);
            let (skew, max) = (5, i64::try_from(max).unwrap());
            let expected = begins <= NOW + skew && NOW < exp + skew && begins < exp && exp - iat <= max;
            let max_lifetime = Duration::from_secs(max.unsigned_abs());
            prop_assert_eq!(times.check(at(NOW), max_lifetime).is_ok(), expected);
            prop_assert!(!expected || exp <= NOW + skew + max);
        }
    }
}
