//! Places in the change feed and in the audit log.

/// The number of an event, or 0 for the place before the first.
///
/// From 0 to [`Sequence::MAX`], which is below the largest `i64`: the number after it can always be named, so
/// `sequence.get() + 1` needs no check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(i64);

impl Sequence {
    /// The place before the first event.
    pub const START: Self = Self(0);
    /// The last number.
    pub const MAX: Self = Self(i64::MAX - 1);

    /// From a number that was stored or told; `None` outside the range.
    #[must_use]
    pub const fn new(number: i64) -> Option<Self> {
        if number < Self::START.0 || number > Self::MAX.0 {
            return None;
        }
        Some(Self(number))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The next number, for a store that counts by itself; `None` after the last.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        Self::new(self.0 + 1)
    }

    /// How many numbers there are after `earlier` up to this one; 0 where it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        // Neither is negative, so the difference fits.
        (self.0 - earlier.0).max(0).unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers() -> impl Strategy<Value = i64> {
        prop_oneof![any::<i64>(), -2..3_i64, (i64::MAX - 3)..=i64::MAX, Just(i64::MIN),]
    }

    proptest! {
        #[test]
        fn a_sequence_has_a_number_after_it_and_none_before_the_start(number in numbers()) {
            let sequence = Sequence::new(number);
            prop_assert_eq!(sequence.is_some(), (0..i64::MAX).contains(&number));
            if let Some(sequence) = sequence {
                prop_assert_eq!(sequence.get(), number);
                prop_assert!((Sequence::START..=Sequence::MAX).contains(&sequence));
                prop_assert_eq!(number.checked_add(1).and_then(Sequence::new), sequence.next());
                prop_assert!(sequence.next().is_some() || sequence == Sequence::MAX);
            }
        }

        #[test]
        fn the_distance_is_never_negative(a in numbers(), b in numbers()) {
            if let (Some(a), Some(b)) = (Sequence::new(a), Sequence::new(b)) {
                let expected = u64::try_from(i128::from(a.get()) - i128::from(b.get())).unwrap_or(0);
                prop_assert_eq!(a.since(b), expected);
            }
        }
    }
}
