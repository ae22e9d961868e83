//! The keys that are cached.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use capykeys_domain::{
    model::{KeyId, OrganizationId},
    ports::FoundKey,
    secret::KeyDigest,
};

use crate::BootTime;

/// A bounded map from digests to key, which evicts with the CLOCK algorithm: a hand goes round and
/// takes the first entry that was not used since it last came by.
#[derive(Debug)]
pub(crate) struct CachedKeys {
    capacity: usize,
    /// Without gaps: the last one takes the place of one that goes.
    slots: Vec<Slot>,
    by_digest: HashMap<[u8; 32], usize>,
    /// A key has one entry at most.
    by_key: HashMap<KeyId, usize>,
    hand: usize,
}

#[derive(Debug)]
struct Slot {
    found: Arc<FoundKey>,
    /// Repeated here, so that looking for an organization's keys reads this one array and follows no pointer.
    organization: OrganizationId,
    used: AtomicBool,
    /// Until when somebody who asked may act on it, in nanoseconds of the boot clock.
    kept_until: AtomicU64,
}

impl CachedKeys {
    pub(crate) fn new(capacity: NonZeroUsize) -> Self {
        Self {
            capacity: capacity.get(),
            slots: Vec::new(),
            by_digest: HashMap::new(),
            by_key: HashMap::new(),
            hand: 0,
        }
    }

    /// The key stored under one of `digests`. What the map finds is compared with the whole digest once
    /// more, in constant time. Notes that somebody may act on it until `kept_until`.
    pub(crate) fn get(&self, digests: &[KeyDigest], kept_until: Option<BootTime>) -> Option<&Arc<FoundKey>> {
        let slot = digests.iter().find_map(|digest| {
            let place = self.by_digest.get(digest.as_bytes())?;
            self.slots.get(*place).filter(|slot| digests_of(&slot.found).any(|own| own == digest))
        })?;
        // Written only when it changes: the line is shared by all cores.
        if !slot.used.load(Ordering::Relaxed) {
            slot.used.store(true, Ordering::Relaxed);
        }
        // Relaxed: whoever removes the slot has the lock of the machine alone by then.
        if let Some(kept_until) = kept_until {
            slot.kept_until.fetch_max(kept_until.nanos(), Ordering::Relaxed);
        }
        Some(&slot.found)
    }

    /// Adds the key. Like everything that removes others, it gives back until when somebody may
    /// act on one that goes.
    pub(crate) fn insert(&mut self, found: Arc<FoundKey>) -> BootTime {
        let mut kept_until = self.remove_key(found.key.id);
        for digest in digests_of(&found) {
            if let Some(&place) = self.by_digest.get(digest.as_bytes()) {
                kept_until = kept_until.max(self.remove_at(place));
            }
        }
        if self.slots.len() >= self.capacity {
            kept_until = kept_until.max(self.evict());
        }
        let place = self.slots.len();
        self.by_digest.extend(digests_of(&found).map(|digest| (*digest.as_bytes(), place)));
        self.by_key.insert(found.key.id, place);
        let organization = found.key.organization_id;
        let (used, nobody) = (AtomicBool::new(false), AtomicU64::new(0));
        self.slots.push(Slot { found, organization, used, kept_until: nobody });
        kept_until
    }

    pub(crate) fn remove_key(&mut self, id: KeyId) -> BootTime {
        let place = self.by_key.get(&id).copied();
        place.map_or(BootTime::START, |place| self.remove_at(place))
    }

    /// Removes the keys of all `organizations`, in one pass.
    pub(crate) fn remove_organizations(&mut self, organizations: &HashSet<OrganizationId>) -> BootTime {
        let mut kept_until = BootTime::START;
        if organizations.is_empty() {
            return kept_until;
        }
        // From the end: what takes the place of one that goes was looked at already.
        for place in (0..self.slots.len()).rev() {
            if organizations.contains(&self.slots[place].organization) {
                kept_until = kept_until.max(self.remove_at(place));
            }
        }
        kept_until
    }

    pub(crate) fn clear(&mut self) -> BootTime {
        self.by_digest.clear();
        self.by_key.clear();
        self.hand = 0;
        self.slots.drain(..).map(Slot::kept_until).max().unwrap_or(BootTime::START)
    }

    pub(crate) const fn len(&self) -> usize {
        self.slots.len()
    }

    fn evict(&mut self) -> BootTime {
        // Ends: the first round clears every mark.
        loop {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            let Some(slot) = self.slots.get_mut(self.hand) else { return BootTime::START };
            if !std::mem::take(slot.used.get_mut()) {
                break;
            }
            self.hand += 1;
        }
        self.remove_at(self.hand)
    }

    fn remove_at(&mut self, place: usize) -> BootTime {
        let gone = self.slots.swap_remove(place);
        for digest in digests_of(&gone.found) {
            self.by_digest.remove(digest.as_bytes());
        }
        self.by_key.remove(&gone.found.key.id);
        if let Some(moved) = self.slots.get(place) {
            self.by_digest.extend(digests_of(&moved.found).map(|digest| (*digest.as_bytes(), place)));
            self.by_key.insert(moved.found.key.id, place);
        }
        gone.kept_until()
    }
}

/// That of the key's secret, and that of the one before: both are verdicts on the same key, and go together.
fn digests_of(found: &FoundKey) -> impl Iterator<Item = &KeyDigest> {
    [&found.digest].into_iter().chain(found.previous_digest.as_deref())
}

impl Slot {
    fn kept_until(self) -> BootTime {
        BootTime::from_nanos(self.kept_until.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use capykeys_conformance::fixtures;
    use capykeys_domain::secret::PepperId;

    use super::*;

    // For the search through all states, which goes on from copies of a state.

    impl Clone for Slot {
        fn clone(&self) -> Self {
            Self {
                found: Arc::clone(&self.found),
                organization: self.organization,
                used: AtomicBool::new(self.used.load(Ordering::Relaxed)),
                kept_until: AtomicU64::new(self.kept_until.load(Ordering::Relaxed)),
            }
        }
    }

    impl Clone for CachedKeys {
        fn clone(&self) -> Self {
            let Self { capacity, slots, by_digest, by_key, hand } = self;
            Self {
                capacity: *capacity,
                slots: slots.clone(),
                by_digest: by_digest.clone(),
                by_key: by_key.clone(),
                hand: *hand,
            }
        }
    }

    impl CachedKeys {
        /// The keys in some order that is always the same, with their states and who keeps them.
        pub(crate) fn fingerprint(&self, now: BootTime) -> Vec<(KeyId, bool, std::time::Duration)> {
            let state = |slot: &Slot| {
                let key = &slot.found.key;
                let kept_until = BootTime::from_nanos(slot.kept_until.load(Ordering::Relaxed));
                (key.id, key.revoked_at.is_some(), kept_until.since(now))
            };
            let mut keys: Vec<_> = self.slots.iter().map(state).collect();
            keys.sort_unstable();
            keys
        }
    }

    fn found() -> Arc<FoundKey> {
        let organization = fixtures::organization(fixtures::at(0));
        let new = fixtures::key(organization.id, fixtures::at(0));
        Arc::new(FoundKey { digest: new.digest, previous_digest: None, key: new.key, organization })
    }

    fn keys(capacity: usize) -> CachedKeys {
        CachedKeys::new(NonZeroUsize::new(capacity).unwrap())
    }

    fn has(keys: &CachedKeys, found: &FoundKey) -> bool {
        keys.get(std::slice::from_ref(&found.digest), None).is_some()
    }

    #[test]
    fn a_key_is_found_by_any_candidate_and_only_under_its_own_pepper() {
        let (mut keys, one, other) = (keys(10), found(), found());
        keys.insert(Arc::clone(&one));
        assert!(keys.get(&[other.digest.clone(), one.digest.clone()], None).is_some());
        assert!(keys.get(std::slice::from_ref(&other.digest), None).is_none());
        let pepper = PepperId::parse("2").unwrap();
        let elsewhere = KeyDigest::from_stored(pepper, *one.digest.as_bytes());
        assert!(keys.get(&[elsewhere], None).is_none());
    }

    #[test]
    fn what_is_used_outlives_what_is_not() {
        let mut keys = keys(100);
        let used: Vec<_> = (0..50).map(|_| found()).collect();
        for one in &used {
            keys.insert(Arc::clone(one));
        }
        for _ in 0..10_000 {
            assert!(used.iter().all(|one| has(&keys, one)));
            keys.insert(found());
            assert!(keys.len() <= 100 && keys.by_key.len() == keys.len());
        }
    }

    #[test]
    fn a_key_with_a_new_digest_leaves_the_old_one() {
        let (mut keys, old) = (keys(10), found());
        keys.insert(Arc::clone(&old));
        let new = Arc::new(FoundKey { digest: fixtures::digest([9; 32]), ..(*old).clone() });
        keys.insert(Arc::clone(&new));
        assert!(has(&keys, &new) && !has(&keys, &old));
        assert_eq!((keys.len(), keys.by_digest.len()), (1, 1));
    }

    #[test]
    fn removals_hit_the_ones_that_are_meant_and_no_other() {
        let mut keys = keys(1_000);
        let all: Vec<_> = (0..300).map(|_| found()).collect();
        for one in &all {
            keys.insert(Arc::clone(one));
        }
        let organizations = all[100..200].iter().map(|one| one.organization.id).collect();
        keys.remove_organizations(&organizations);
        for one in &all[..50] {
            keys.remove_key(one.key.id);
        }
        for (number, one) in all.iter().enumerate() {
            assert_eq!(has(&keys, one), (50..100).contains(&number) || number >= 200, "{number}");
        }
        assert_eq!((keys.len(), keys.by_digest.len(), keys.by_key.len()), (150, 150, 150));
    }
}
