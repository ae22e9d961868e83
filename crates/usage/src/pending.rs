//! The uses that are pending: not recorded yet.

use std::{
    collections::{HashMap, hash_map::Entry},
    num::NonZeroUsize,
};

use capykeys_domain::{
    model::{KeyId, Timestamp},
    ports::KeyUse,
};

/// The latest use of each key, with either of its secrets, of a bounded number of keys.
#[derive(Debug)]
pub(crate) struct PendingUses {
    capacity: usize,
    latest: HashMap<(KeyId, bool), Timestamp>,
    dropped: u64,
}

impl PendingUses {
    pub(crate) fn new(capacity: NonZeroUsize) -> Self {
        Self { capacity: capacity.get(), latest: HashMap::new(), dropped: 0 }
    }

    pub(crate) fn add(&mut self, one: KeyUse) {
        let full = self.latest.len() >= self.capacity;
        match self.latest.entry((one.key, one.with_previous)) {
            Entry::Occupied(mut known) => *known.get_mut() = one.at.max(*known.get()),
            Entry::Vacant(_) if full => self.dropped += 1,
            Entry::Vacant(place) => drop(place.insert(one.at)),
        }
    }

    /// All of them. They stay here until they are [recorded](Self::recorded).
    pub(crate) fn all(&self) -> Vec<KeyUse> {
        self.latest.iter().map(|(&(key, with_previous), &at)| KeyUse { key, at, with_previous }).collect()
    }

    /// These are stored. What came in since they were read stays.
    pub(crate) fn recorded(&mut self, uses: &[KeyUse]) {
        for one in uses {
            let secret = (one.key, one.with_previous);
            if self.latest.get(&secret) == Some(&one.at) {
                self.latest.remove(&secret);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.latest.len()
    }

    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }
}
