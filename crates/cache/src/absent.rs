//! Digests of which the store has no key.

use std::{collections::HashSet, time::Duration};

use crate::{BootTime, CacheSettings};

/// A set in two halves: when the young half is full, or old enough, the old one is dropped and the
/// young one takes its place. That bounds both the number and the age without a list of times.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Absent {
    young: HashSet<[u8; 32]>,
    old: HashSet<[u8; 32]>,
    half: usize,
    half_life: Duration,
    turned: BootTime,
}

impl Absent {
    pub(crate) fn new(settings: &CacheSettings) -> Self {
        Self {
            young: HashSet::new(),
            old: HashSet::new(),
            half: settings.absent / 2,
            half_life: settings.absent_for / 2,
            turned: BootTime::new(Duration::ZERO),
        }
    }

    pub(crate) fn contains(&self, digest: &[u8; 32]) -> bool {
        self.young.contains(digest) || self.old.contains(digest)
    }

    pub(crate) fn insert(&mut self, digest: [u8; 32]) {
        if self.half == 0 {
            return;
        }
        if self.young.len() >= self.half {
            self.turn();
        }
        self.young.insert(digest);
    }

    /// Drops what is too old. To be called at least as often as ages are to be exact.
    pub(crate) fn age(&mut self, now: BootTime) {
        if now.since(self.turned) >= self.half_life {
            self.turned = now;
            self.turn();
        }
    }

    fn turn(&mut self) {
        std::mem::swap(&mut self.young, &mut self.old);
        self.young.clear();
    }

    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u64) -> [u8; 32] {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_be_bytes());
        digest
    }

    #[test]
    fn a_flood_stays_within_the_bound() {
        let mut absent = Absent::new(&CacheSettings { absent: 1_000, ..CacheSettings::default() });
        for number in 0..100_000 {
            absent.insert(digest(number));
            assert!(absent.contains(&digest(number)));
            assert!(absent.len() <= 1_000);
        }
        assert!(!absent.contains(&digest(0)));
    }

    #[test]
    fn none_is_remembered_for_longer_than_was_set() {
        let settings = CacheSettings::default();
        let mut absent = Absent::new(&settings);
        let at = |seconds| BootTime::new(Duration::from_secs(seconds));
        absent.age(at(1_000));
        absent.insert(digest(1));
        absent.age(at(1_004));
        assert!(absent.contains(&digest(1)));
        absent.age(at(1_005));
        absent.age(at(1_010));
        assert!(!absent.contains(&digest(1)));
    }
}
