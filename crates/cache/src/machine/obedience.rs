//! What a replica obeys, confirms, and takes its lease for.

use std::collections::HashSet;

use capykeys_domain::ports::{Change, FeedProgress};

use super::{Machine, Polled, SentPoll};
use crate::{BootTime, planted::Bug, store_time::StoreTimeJump};

impl Machine {
    /// What is to be confirmed: everything up to there is obeyed, also by those who were told a
    /// verdict that they may keep. `None` where there is nothing new to confirm, or not yet.
    pub(crate) fn confirmable(&self, now: BootTime) -> Option<FeedProgress> {
        let obeyed = FeedProgress::from(self.position?);
        let new = self.confirmed != Some(obeyed);
        let over = now >= self.kept_until || self.planted.is(Bug::KeptNotWaitedFor);
        (new && over).then_some(obeyed)
    }

    /// What the store knows to be obeyed here.
    pub(crate) const fn confirmed(&self) -> Option<FeedProgress> {
        self.confirmed
    }

    /// The store knows it.
    pub(crate) const fn end_confirm(&mut self, progress: FeedProgress) {
        self.confirmed = Some(progress);
    }

    /// This replica was registered, perhaps anew, and the store knows nothing that it confirmed.
    pub(crate) const fn registered(&mut self) {
        self.confirmed = None;
    }

    /// By how much the store's clock has jumped at the last poll.
    pub(crate) const fn take_jump(&mut self) -> Option<StoreTimeJump> {
        self.store_time.take_jump()
    }

    /// Drops everything, and whatever is being read.
    pub(crate) fn clear(&mut self) {
        let kept_until = self.live.clear();
        self.keep(kept_until);
        self.absent.clear();
        self.organizations.clear();
        self.fence.void();
    }

    pub(super) fn keep(&mut self, until: BootTime) {
        self.kept_until = self.kept_until.max(until);
    }

    /// Until when somebody may act on a verdict about what was changed, or about a key that has
    /// left the cache in another way.
    pub(crate) const fn kept_until(&self) -> BootTime {
        self.kept_until
    }

    /// Obeys `changes`.
    pub(crate) fn apply(&mut self, changes: &[Change]) {
        if self.planted.is(Bug::LeaseBeforeApplying) {
            let changes = std::mem::replace(&mut self.late, changes.to_vec());
            return self.apply_now(&changes);
        }
        self.apply_now(changes);
    }

    fn apply_now(&mut self, changes: &[Change]) {
        let mut organizations = HashSet::new();
        for change in changes {
            self.fence.changed(*change);
            match change {
                Change::Key(id) => {
                    let kept_until = self.live.remove_key(*id);
                    self.keep(kept_until);
                }
                Change::Organization(id) => drop(organizations.insert(*id)),
            }
        }
        let kept_until = self.live.remove_organizations(&organizations);
        self.keep(kept_until);
        self.organizations.remove(&organizations);
    }

    /// Takes the lease, where this replica is registered with it: else nobody would wait for it.
    pub(super) fn extend(
        &mut self,
        sent: &SentPoll,
        registered: bool,
        now: BootTime,
        polled: Polled,
    ) -> Polled {
        if !registered && !self.planted.is(Bug::LeaseUnregistered) {
            return Polled::Unregistered;
        }
        let from = if self.planted.is(Bug::LeaseFromReceipt) { now } else { sent.sent };
        self.lease_until = from.after(self.lease);
        polled
    }
}
