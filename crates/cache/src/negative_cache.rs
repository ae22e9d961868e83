//! The negative cache: digests for which the store has no key.

use std::{collections::HashSet, time::Duration};

use crate::{BootTime, CacheSettings};

/// A set of two generations: when the young one is full, or old enough, the old one is dropped and
/// the young one takes its place. That bounds both the number and the age without a time for each.
#[derive(Clone, Debug)]
pub(crate) struct NegativeCache {
    young: HashSet<[u8; 32]>,
    old: HashSet<[u8; 32]>,
    half: usize,
    half_life: Duration,
    rotated: BootTime,
}

impl NegativeCache {
    pub(crate) fn new(settings: &CacheSettings) -> Self {
        Self {
            young: HashSet::new(),
            old: HashSet::new(),
            half: settings.absent / 2,
            half_life: settings.absent_for / 2,
            rotated: BootTime::START,
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
            self.rotate();
        }
        self.young.insert(digest);
    }

    /// Drops what is too old. How exact the ages are depends on how often this is called.
    pub(crate) fn expire(&mut self, now: BootTime) {
        if now.since(self.rotated) >= self.half_life {
            self.rotated = now;
            self.rotate();
        }
    }

    fn rotate(&mut self) {
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
        let mut cache = NegativeCache::new(&CacheSettings { absent: 1_000, ..CacheSettings::default() });
        for number in 0..100_000 {
            cache.insert(digest(number));
            assert!(cache.contains(&digest(number)));
            assert!(cache.len() <= 1_000);
        }
        assert!(!cache.contains(&digest(0)));
    }

    #[test]
    fn none_is_remembered_for_longer_than_was_set() {
        let settings = CacheSettings::default();
        let mut cache = NegativeCache::new(&settings);
        let at = |seconds| BootTime::new(Duration::from_secs(seconds));
        cache.expire(at(1_000));
        cache.insert(digest(1));
        cache.expire(at(1_004));
        assert!(cache.contains(&digest(1)));
        cache.expire(at(1_005));
        cache.expire(at(1_010));
        assert!(!cache.contains(&digest(1)));
    }
}
