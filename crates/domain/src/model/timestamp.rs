//! Points in time.

use core::{fmt, time::Duration};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::Invalid;

/// A point in time in UTC, to the microsecond, which is what both storage adapters keep.
///
/// The range is that of RFC 3339: the years 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first time that RFC 3339 can express: 0000-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_167_219_200_000_000);
    /// The last: 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// From microseconds since the Unix epoch; `None` outside the range.
    #[must_use]
    pub const fn from_unix_micros(micros: i64) -> Option<Self> {
        if micros < Self::MIN.0 || micros > Self::MAX.0 {
            return None;
        }
        Some(Self(micros))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn unix_micros(self) -> i64 {
        self.0
    }

    /// Parses an RFC 3339 time with any offset; what is finer than a microsecond is cut off.
    ///
    /// # Errors
    /// [`Invalid`] for `field` where the text is no RFC 3339 time.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Invalid> {
        OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .and_then(|time| i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000)).ok())
            .and_then(Self::from_unix_micros)
            .ok_or_else(|| Invalid::new(field, "must be an RFC 3339 time such as 2027-01-31T12:00:00Z"))
    }

    /// This time moved later by `duration`; stops at [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros).min(Self::MAX.0))
    }

    /// This time moved earlier by `duration`; stops at [`Timestamp::MIN`].
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros).max(Self::MIN.0))
    }

    /// How much later than `earlier` this is; zero where it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        // Not negative, and far from the limits of the type.
        Duration::from_micros(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }
}

/// RFC 3339 in UTC with `Z`, with as many digits of the second's fraction as are needed.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time =
            OffsetDateTime::from_unix_timestamp(self.0.div_euclid(1_000_000)).map_err(|_| fmt::Error)?;
        let (year, month, day) = time.to_calendar_date();
        let micros = u32::try_from(self.0.rem_euclid(1_000_000)).map_err(|_| fmt::Error)?;
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        write_digits(&mut text[..4], year.unsigned_abs());
        let (hour, minute, second) = time.to_hms();
        for (place, number) in [u8::from(month), day, hour, minute, second].into_iter().enumerate() {
            write_digits(&mut text[5 + 3 * place..][..2], number.into());
        }
        write_digits(&mut text[20..26], micros);
        // What is left of the fraction, and its point where nothing is.
        let end = text[..26].iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
        let end = if end == 20 { 19 } else { end };
        text[end] = b'Z';
        f.write_str(str::from_utf8(&text[..=end]).map_err(|_| fmt::Error)?)
    }
}

fn write_digits(places: &mut [u8], mut number: u32) {
    for place in places.iter_mut().rev() {
        *place = b"0123456789"[(number % 10) as usize];
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn any_offset_is_shown_in_utc() {
        let time = Timestamp::parse("t", "2026-03-01T01:30:00.5+02:00").unwrap();
        assert_eq!(time.to_string(), "2026-02-28T23:30:00.5Z");
    }

    #[test]
    fn nanoseconds_are_cut_to_microseconds() {
        let time = Timestamp::parse("t", "2026-03-01T00:00:00.123456789Z").unwrap();
        assert_eq!(time.to_string(), "2026-03-01T00:00:00.123456Z");
        let before_epoch = Timestamp::parse("t", "1969-12-31T23:59:59.9999999Z").unwrap();
        assert_eq!(before_epoch.to_string(), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "now", "2026-03-01", "2026-02-30T00:00:00Z", "1700000000", "2026-03-01T00:00:00"] {
            assert!(Timestamp::parse("t", text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_that_leave_the_range_through_their_offset_are_refused() {
        assert!(Timestamp::parse("t", "9999-12-31T23:59:59-01:00").is_err());
        assert!(Timestamp::parse("t", "0000-01-01T00:00:00+01:00").is_err());
    }

    #[test]
    fn adding_stops_at_the_end_of_the_range() {
        assert_eq!(Timestamp::MAX.saturating_add(Duration::from_secs(1)), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.saturating_sub(Duration::from_secs(1)), Timestamp::MIN);
        assert_eq!(Timestamp::MIN.saturating_sub(Duration::MAX), Timestamp::MIN);
    }

    proptest! {
        #[test]
        fn every_time_survives_its_text(micros in -62_167_219_200_000_000_i64..=253_402_300_799_999_999) {
            let time = Timestamp::from_unix_micros(micros).unwrap();
            prop_assert_eq!(time.unix_micros(), micros);
            prop_assert_eq!(Timestamp::parse("t", &time.to_string()).unwrap(), time);
            let formatted = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap();
            prop_assert_eq!(formatted.format(&Rfc3339).unwrap(), time.to_string());
        }
    }
}
