//! Random choices that can be repeated.

use std::time::Duration;

use capykeys_tests::secrets::{KEY_PREFIX, checksum};

/// `SplitMix64`.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Less than `limit`.
    pub(crate) fn below(&mut self, limit: Duration) -> Duration {
        let nanos = u64::try_from(limit.as_nanos()).expect("a short time").max(1);
        Duration::from_nanos(self.next() % nanos)
    }

    pub(crate) fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        let count = u64::try_from(choices.len()).expect("few");
        choices[usize::try_from(self.next() % count).expect("few")]
    }

    /// A key that is well-formed.
    pub(crate) fn key(&mut self) -> String {
        const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let secret: String = (0..32).map(|_| char::from(self.choose(ALPHABET))).collect();
        let body = format!("{KEY_PREFIX}{secret}");
        let checksum = checksum(&body);
        body + &checksum
    }
}
