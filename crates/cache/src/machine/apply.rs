//! What a replica applies of the feed, what it confirms, and when it takes its lease.

use std::collections::HashSet;

use capykeys_domain::ports::{Change, FeedProgress};

use super::{Machine, Polled, SentPoll};
use crate::{BootTime, store_time::StoreTimeJump};

impl Machine {
    /// What is to be confirmed: up to there everything is applied, and nobody may act any more on a
    /// verdict from before it that they keep. `None` where there is nothing new to confirm, or not yet.
    pub(crate) fn confirmable(&self, now: BootTime) -> Option<FeedProgress> {
        let applied = FeedProgress::from(self.position?);
        let new = self.confirmed != Some(applied);
        (new && now >= self.kept_until).then_some(applied)
    }

    /// What was confirmed to the store last.
    pub(crate) const fn confirmed(&self) -> Option<FeedProgress> {
        self.confirmed
    }

    /// The store has recorded the confirmation.
    pub(crate) const fn end_confirm(&mut self, progress: FeedProgress) {
        self.confirmed = Some(progress);
    }

    /// This replica was registered, perhaps anew: the store knows of no confirmation of it.
    pub(crate) const fn registered(&mut self) {
        self.confirmed = None;
    }

    /// By how much the store's clock has jumped at the last poll.
    pub(crate) const fn take_jump(&mut self) -> Option<StoreTimeJump> {
        self.store_time.take_jump()
    }

    /// Drops everything, and lets no read that is in flight into the cache.
    pub(crate) fn clear(&mut self) {
        let kept_until = self.keys.clear();
        self.keep(kept_until);
        self.negative.clear();
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

    /// Drops what `changes` touch.
    pub(crate) fn apply(&mut self, changes: &[Change]) {
        let mut organizations = HashSet::new();
        for change in changes {
            self.fence.changed(*change);
            match change {
                Change::Key(id) => {
                    let kept_until = self.keys.remove_key(*id);
                    self.keep(kept_until);
                }
                Change::Organization(id) => drop(organizations.insert(*id)),
            }
        }
        let kept_until = self.keys.remove_organizations(&organizations);
        self.keep(kept_until);
        self.organizations.remove(&organizations);
    }

    /// Takes the lease, from when the poll was sent. Only a registered replica may have one: nobody
    /// would wait for another.
    pub(super) fn extend(&mut self, sent: &SentPoll, registered: bool, polled: Polled) -> Polled {
        if !registered {
            return Polled::Unregistered;
        }
        self.lease_until = sent.sent.after(self.lease);
        polled
    }
}
