//! When a token is valid.

use std::time::Duration;

use capykeys_domain::model::Timestamp;

use crate::{error::TokenError, json::Object};

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

impl Times {
    /// Reads the claims.
    ///
    /// # Errors
    /// [`TokenError::Time`] where `exp` or `iat` is absent or one of the three is no time.
    pub fn parse(claims: &Object) -> Result<Self, TokenError> {
        let time = |name| claims.time(name).ok_or(TokenError::Time);
        let not_before = claims.get("nbf").map(|_| time("nbf")).transpose()?;
        Ok(Self { expires_at: time("exp")?, not_before, issued_at: time("iat")? })
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
    /// [`TokenError`].
    pub fn check(&self, now: Timestamp, max_lifetime: Duration) -> Result<(), TokenError> {
        if now >= self.expires_at.saturating_add(SKEW) {
            return Err(TokenError::Expired);
        }
        let latest = now.saturating_add(SKEW);
        if self.not_before.is_some_and(|not_before| not_before > latest) {
            return Err(TokenError::NotYetValid);
        }
        if self.issued_at > latest {
            return Err(TokenError::IssuedInTheFuture);
        }
        let begins_at = self.not_before.map_or(self.issued_at, |time| time.max(self.issued_at));
        if self.expires_at <= begins_at {
            return Err(TokenError::Time);
        }
        if self.expires_at.since(self.issued_at) > max_lifetime {
            return Err(TokenError::Lifetime);
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
