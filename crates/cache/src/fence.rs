//! Fencing: which reads may go into the cache.

use std::collections::{BTreeMap, HashMap};

use capykeys_domain::{
    model::{ApiKey, OrganizationId},
    ports::Change,
};

/// How many tombstones are kept at most; when there are more, no read in flight may go into the cache.
const TOMBSTONES: usize = 4_096;

/// What a read is given when it begins, and hands back when it ends or is given up.
#[derive(Clone, Debug)]
pub(crate) struct FencingToken {
    number: u64,
    epoch: u64,
    generation: u64,
}

/// Remembers what was changed while reads are in flight.
///
/// A read sees everything that was committed before it began, and the polls after it tell everything
/// that is not applied yet. A change that is applied while the read is in flight may be in neither:
/// a tombstone is kept for it, and what it touches does not go into the cache.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fence {
    /// How many changes were applied.
    epoch: u64,
    /// How often everything was dropped.
    generation: u64,
    next: u64,
    /// The epoch of each read in flight; the oldest read is the first.
    reads: BTreeMap<u64, u64>,
    /// The epoch of the last key that somebody may have asked for before it was there.
    brought: u64,
    /// The epoch of the last change of each thing.
    tombstones: HashMap<Change, u64>,
}

impl Fence {
    pub(crate) fn begin(&mut self) -> FencingToken {
        let number = self.next;
        self.next += 1;
        self.reads.insert(number, self.epoch);
        FencingToken { number, epoch: self.epoch, generation: self.generation }
    }

    /// Notes that `change` was applied.
    pub(crate) fn changed(&mut self, change: Change) {
        self.epoch += 1;
        if matches!(change, Change::Brought(_)) {
            self.brought = self.epoch;
            return;
        }
        if self.reads.is_empty() {
            return;
        }
        self.tombstones.insert(change, self.epoch);
        if self.tombstones.len() > TOMBSTONES {
            let oldest = self.reads.values().next().copied().unwrap_or(self.epoch);
            self.tombstones.retain(|_, epoch| *epoch > oldest);
        }
        if self.tombstones.len() > TOMBSTONES {
            self.void();
        }
    }

    /// Lets no read that is in flight into the cache.
    pub(crate) fn void(&mut self) {
        self.generation += 1;
        self.tombstones.clear();
    }

    /// Whether the whole cache is still the one that the read began with.
    pub(crate) const fn same_generation(&self, token: &FencingToken) -> bool {
        token.generation == self.generation
    }

    /// Whether nothing that was applied since the read began touches `key`.
    pub(crate) fn untouched(&self, token: &FencingToken, key: &ApiKey) -> bool {
        self.is_before(token, &Change::Key(key.id)) && self.untouched_organization(token, key.organization_id)
    }

    /// Whether no key was stored since the read began that somebody may have asked for before.
    pub(crate) const fn untouched_absence(&self, token: &FencingToken) -> bool {
        self.brought <= token.epoch
    }

    /// Whether nothing that was applied since the read began touches the organization.
    pub(crate) fn untouched_organization(&self, token: &FencingToken, id: OrganizationId) -> bool {
        self.is_before(token, &Change::Organization(id))
    }

    /// Whether the change, if it was applied, was so before the read began.
    fn is_before(&self, token: &FencingToken, change: &Change) -> bool {
        self.tombstones.get(change).is_none_or(|epoch| *epoch <= token.epoch)
    }

    /// Ends the read.
    pub(crate) fn end(&mut self, token: &FencingToken) {
        self.reads.remove(&token.number);
        if self.reads.is_empty() {
            self.tombstones.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use capykeys_conformance::fixtures;
    use capykeys_domain::model::KeyId;

    use super::*;

    impl Fence {
        pub(crate) fn reads_in_flight(&self) -> usize {
            self.reads.len()
        }
    }

    fn key() -> ApiKey {
        let at = fixtures::at(0);
        fixtures::key(fixtures::organization(at).id, at).key
    }

    #[test]
    fn only_changes_during_the_read_and_of_its_key_or_organization_stop_it() {
        let (mut fence, own, other) = (Fence::default(), key(), key());
        let earlier = fence.begin();
        fence.changed(Change::Key(own.id));
        let token = fence.begin();
        fence.changed(Change::Key(other.id));
        fence.changed(Change::Organization(other.organization_id));
        assert!(fence.untouched(&token, &own));
        assert!(!fence.untouched(&earlier, &own));
        fence.changed(Change::Organization(own.organization_id));
        assert!(!fence.untouched(&token, &own));
    }

    #[test]
    fn what_a_read_did_not_find_may_be_there_once_a_key_was_brought() {
        let (mut fence, own) = (Fence::default(), key());
        let earlier = fence.begin();
        fence.changed(Change::Key(own.id));
        assert!(fence.untouched_absence(&earlier));
        fence.changed(Change::Brought(own.organization_id));
        assert!(
            !fence.untouched_absence(&earlier) && fence.untouched_organization(&earlier, own.organization_id)
        );
        assert!(fence.untouched_absence(&fence.clone().begin()));
    }

    #[test]
    fn tombstones_go_with_the_last_read() {
        let (mut fence, own) = (Fence::default(), key());
        let (first, second) = (fence.begin(), fence.begin());
        fence.changed(Change::Key(own.id));
        fence.end(&first);
        assert!(!fence.untouched(&second, &own));
        fence.end(&second);
        assert!(fence.tombstones.is_empty() && fence.reads.is_empty());
    }

    #[test]
    fn a_storm_of_changes_makes_reads_do_without_the_cache_and_not_the_memory_grow() {
        let mut fence = Fence::default();
        let token = fence.begin();
        for number in 0..100_000_u64 {
            fence.changed(Change::Key(KeyId::new(fixtures::at(0), number.to_be_bytes())));
            assert!(fence.tombstones.len() <= TOMBSTONES);
        }
        assert!(!fence.same_generation(&token));
    }
}
