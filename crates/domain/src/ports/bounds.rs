//! How many things are asked for at once.

use core::{fmt, num::NonZeroU16};

/// How many things a call may give or take at most: from 1 to [`Limit::MAX`], so that one more always fits.
///
/// No answer is unbounded, and a store may reckon with the limit as it likes: it fits in every integer type from
/// 16 bits on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limit(NonZeroU16);

impl Limit {
    /// One.
    pub const ONE: Self = Self(NonZeroU16::MIN);
    /// The most that is ever asked for at once.
    // Unwrapped by the compiler, as a constant is.
    pub const MAX: Self = Self(NonZeroU16::new(10_000).unwrap());

    /// This many; `None` for none, and for more than [`Limit::MAX`].
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        match NonZeroU16::new(number) {
            Some(number) if number.get() <= Self::MAX.get() => Some(Self(number)),
            _ => None,
        }
    }

    /// This many, where the number is written in the program: one that is none of a limit does not compile.
    #[must_use]
    pub const fn of<const NUMBER: u16>() -> Self {
        const { Self::new(NUMBER).unwrap() }
    }

    /// How many that is.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// One more, or [`Limit::MAX`] where it is that already.
    #[must_use]
    pub fn one_more(self) -> Self {
        Self(self.0.saturating_add(1)).min(Self::MAX)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_limit_is_at_least_one_and_at_most_the_largest(number: u16) {
            let limit = Limit::new(number);
            prop_assert_eq!(limit.is_some(), (1..=10_000).contains(&number));
            if let Some(limit) = limit {
                prop_assert_eq!(limit.get(), number);
                prop_assert_eq!(limit.to_string(), number.to_string());
                prop_assert!((Limit::ONE..=Limit::MAX).contains(&limit));
                prop_assert_eq!(limit.one_more().get(), (number + 1).min(10_000));
            }
        }
    }
}
