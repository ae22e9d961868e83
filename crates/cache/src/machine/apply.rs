//! What a replica applies of the feed, what it confirms, and when it takes its lease.

use std::collections::HashSet;

use capykeys_domain::ports::{Change, FeedPosition, FeedProgress};

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

    /// The store has recorded the confirmation.
    pub(crate) const fn end_confirm(&mut self, progress: FeedProgress) {
        self.confirmed = Some(progress);
    }

    /// This replica has registered, perhaps anew: the store knows of no confirmation of it.
    pub(crate) const fn registered(&mut self) {
        self.confirmed = None;
    }

    /// The store has committed a registration of this replica, or a renewal of it, that was sent at `sent`. So then,
    /// or later, it was no replaced primary: such a one answers, but its standbys take none of its commits.
    pub(crate) fn renewed(&mut self, sent: BootTime) {
        self.registered_until = self.registered_until.max(sent.after(self.registration));
    }

    /// Until when a verdict may be given.
    pub(crate) const fn registered_until(&self) -> BootTime {
        self.registered_until
    }

    /// Goes to a place in the feed, of which it was told by `now`.
    pub(super) fn move_to(&mut self, position: FeedPosition, now: BootTime) {
        if self.position.is_none_or(|before| before.epoch != position.epoch) {
            self.epoch_since = now;
        }
        self.position = Some(position);
    }

    /// A time by which `epoch` had begun; `None` where this replica has not heard of it, or of another one since.
    pub(crate) fn epoch_since(&self, epoch: [u8; 16]) -> Option<BootTime> {
        self.position.filter(|position| position.epoch == epoch).map(|_| self.epoch_since)
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
                Change::Brought(_) => {
                    self.brought = true;
                    self.negative.clear();
                }
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
        self.lease_until = sent.until;
        self.polled = Some(sent.sent);
        polled
    }
}
