//! Lengths of time, with their unit.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Unexpected};

/// A length of time as settings have it: a whole number and its unit, such as `500ms`, `2s`, `10m`, `1h` or `90d`.
/// Nothing is guessed: neither a number without a unit, nor `1.5h`, nor `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Period {
    millis: u64,
}

/// The units, and how many milliseconds each has.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

const EXPECTED: &str = "a whole number and its unit, such as `500ms`, `2s`, `10m`, `1h` or `1d`";

impl Period {
    pub(crate) const ZERO: Self = Self::millis(0);
    pub(crate) const HOUR: Self = Self::millis(3_600_000);

    pub(crate) const fn millis(millis: u64) -> Self {
        Self { millis }
    }

    pub(crate) const fn days(days: u64) -> Self {
        Self::millis(days.saturating_mul(86_400_000))
    }

    pub(crate) const fn duration(self) -> Duration {
        Duration::from_millis(self.millis)
    }
}

impl From<Duration> for Period {
    /// In whole milliseconds.
    fn from(duration: Duration) -> Self {
        Self::millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl FromStr for Period {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.len() - text.trim_start_matches(|character: char| character.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(())?;
        // One that is too long is out of every range.
        number.parse::<u64>().map(|number| Self::millis(number.saturating_mul(*millis))).map_err(drop)
    }
}

impl fmt::Display for Period {
    /// In the largest unit of which it is a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, millis)| self.millis >= *millis && self.millis.is_multiple_of(*millis)) {
            Some((unit, millis)) => write!(f, "{}{unit}", self.millis / millis),
            None => f.write_str("0s"),
        }
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // What was written is not repeated.
        text.parse().map_err(|()| serde::de::Error::invalid_value(Unexpected::Other("text"), &EXPECTED))
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for Period {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_period_is_written_with_its_unit() {
        for (text, millis) in [
            ("0s", 0),
            ("500ms", 500),
            ("2s", 2_000),
            ("75s", 75_000),
            ("10m", 600_000),
            ("1h", 3_600_000),
            ("90d", 7_776_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Period::millis(millis)), "{text}");
            assert_eq!(Period::millis(millis).to_string(), text);
        }
        assert_eq!("120s".parse::<Period>().unwrap().to_string(), "2m");
    }

    #[test]
    fn what_is_no_whole_number_with_a_unit_is_refused() {
        for text in [
            "", "5", "s", "1.5s", "-1s", "+1s", "1 s", "1h30m", "1min", "1M", "1S", "1sec", "1w", "0x1s",
            "٣s",
        ] {
            assert_eq!(text.parse::<Period>(), Err(()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_as_the_same(millis: u64) {
            let period = Period::millis(millis);
            prop_assert_eq!(period.to_string().parse(), Ok(period));
        }

        #[test]
        fn no_text_is_too_strange(text: String) {
            let _ = text.parse::<Period>();
        }
    }
}
