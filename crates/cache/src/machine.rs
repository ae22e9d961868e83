//! The rules as a state machine without time, I/O or concurrency: it is told what happens, and what the
//! clock shows then.

use std::{sync::Arc, time::Duration};

use capykeys_domain::{
    model::{ExternalOrganizationId, Organization, Timestamp},
    ports::{FeedPosition, FeedProgress, FoundKey, Poll},
    secret::KeyDigest,
};

use crate::{
    Answer, BootTime, CacheSettings,
    cached_keys::CachedKeys,
    cached_organizations::CachedOrganizations,
    fence::{Fence, FencingToken},
    negative_cache::NegativeCache,
    store_time::StoreTime,
};

mod apply;
#[cfg(test)]
mod tests;

/// A poll that was sent.
#[derive(Clone, Debug)]
pub(crate) struct SentPoll {
    number: u64,
    sent: BootTime,
    /// Until when the lease runs that it gives.
    until: BootTime,
    /// What to poll after; `None` asks for the head of the feed.
    pub(crate) position: Option<FeedPosition>,
}

/// What a poll has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Polled {
    /// Everything is applied that was committed before the poll was sent.
    Current,
    /// There is more: poll on at once.
    Behind,
    /// The cache was emptied.
    Restarted,
    /// What it told is applied, but it gives no lease: this replica has to register first.
    Unregistered,
    /// The poll had been given up.
    Ignored,
}

/// A read that was sent.
#[derive(Clone, Debug)]
pub(crate) struct SentRead {
    token: FencingToken,
    /// Until when what it finds may be acted on.
    pub(crate) until: BootTime,
}

/// What a read has found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// The read's own answer; `None` where a change that touches it was applied meanwhile.
    answer: Option<Answer>,
}

/// The state of one replica's cache.
#[derive(Debug)]
pub(crate) struct Machine {
    lease: Duration,
    registration: Duration,
    /// While the clock shows less than this, the cache may be used.
    lease_until: BootTime,
    /// When the last poll that gave a lease was sent.
    polled: Option<BootTime>,
    /// While the clock shows less than this, a verdict may be given.
    registered_until: BootTime,
    /// When the epoch of the position was heard of first.
    epoch_since: BootTime,
    position: Option<FeedPosition>,
    polls: u64,
    /// Up to where this replica has told the store that it has applied the feed.
    confirmed: Option<FeedProgress>,
    /// Until when somebody may act on a verdict about a key that is not cached any more.
    kept_until: BootTime,
    store_time: StoreTime,
    fence: Fence,
    /// Whether keys may be there whose secrets were made elsewhere. So it is before the first poll.
    brought: bool,
    keys: CachedKeys,
    negative: NegativeCache,
    organizations: CachedOrganizations,
}

impl Machine {
    pub(crate) fn new(settings: &CacheSettings) -> Self {
        Self {
            lease: settings.lease,
            registration: settings.registration,
            lease_until: BootTime::START,
            polled: None,
            registered_until: BootTime::START,
            epoch_since: BootTime::START,
            position: None,
            polls: 0,
            confirmed: None,
            kept_until: BootTime::START,
            store_time: StoreTime::default(),
            fence: Fence::default(),
            brought: true,
            keys: CachedKeys::new(settings.keys),
            negative: NegativeCache::new(settings),
            organizations: CachedOrganizations::default(),
        }
    }

    /// A poll is about to be sent; any earlier one is given up. `now` must have been read before it
    /// is sent.
    pub(crate) fn begin_poll(&mut self, now: BootTime) -> SentPoll {
        self.polls += 1;
        SentPoll { number: self.polls, sent: now, until: self.until(now), position: self.position }
    }

    /// The poll was answered, at `now`.
    pub(crate) fn end_poll(&mut self, sent: &SentPoll, answer: &Poll, now: BootTime) -> Polled {
        if sent.number != self.polls {
            return Polled::Ignored;
        }
        match answer {
            Poll::Changes { changes, position, complete, store_time, registered } => {
                self.apply(changes);
                // In this order: there is no lease before the changes are applied, and should anything
                // go wrong on the way, the next poll tells the same changes again.
                self.move_to(*position, now);
                self.negative.expire(now);
                self.store_time.told(*store_time, sent.sent, now);
                if !complete {
                    return Polled::Behind;
                }
                self.extend(sent, *registered, Polled::Current)
            }
            // What is cached may be of another epoch of the store.
            Poll::Diverged(head) => {
                self.clear();
                self.move_to(head.position, now);
                self.brought = head.brought;
                self.store_time.told(head.store_time, sent.sent, now);
                self.extend(sent, head.registered, Polled::Restarted)
            }
        }
    }

    /// Until when the cache may be used.
    pub(crate) const fn lease_until(&self) -> BootTime {
        self.lease_until
    }

    /// When the last poll that gave a lease was sent; `None` before the first.
    pub(crate) const fn polled(&self) -> Option<BootTime> {
        self.polled
    }

    /// Until when that may be acted on what the store tells to a question that is sent at `now`: what was committed
    /// before is seen. A registration that is renewed while the answer is under way may be renewed elsewhere: it
    /// says nothing of who answers, and counts for the next question.
    fn until(&self, now: BootTime) -> BootTime {
        now.after(self.lease).min(self.registered_until)
    }

    /// The store's time at `now`; `None` before the first poll.
    pub(crate) fn store_now(&self, now: BootTime) -> Option<Timestamp> {
        self.store_time.at(now)
    }

    /// What is cached of `digests`, for somebody who may go on acting on it until `keep`. Whoever hands
    /// it out compares [`Answer::until`] with the clock as the very last thing.
    pub(crate) fn recall(&self, digests: &[KeyDigest], keep: Option<BootTime>) -> Option<Answer> {
        let until = self.lease_until;
        // Noted with the key while the lock is held, so that a change that comes later waits for it.
        let keep = keep.map(|keep| keep.min(until));
        let kept_until = keep.unwrap_or(BootTime::START);
        if let Some(found) = self.keys.get(digests, keep) {
            return Some(Answer { found: Some(Arc::clone(found)), until, kept_until });
        }
        let unknown = digests.iter().all(|digest| self.negative.contains(digest.as_bytes()));
        unknown.then_some(Answer { found: None, until, kept_until })
    }

    /// Whether keys may be there whose secrets were made elsewhere.
    pub(crate) const fn may_know_brought(&self) -> bool {
        self.brought
    }

    /// A read of the store is about to be sent. `now` must have been read before.
    pub(crate) fn begin_read(&mut self, now: BootTime) -> SentRead {
        SentRead { token: self.fence.begin(), until: self.until(now) }
    }

    /// A read of `digests` was answered. It goes into the cache where it may.
    pub(crate) fn end_read(
        &mut self,
        sent: &SentRead,
        digests: &[KeyDigest],
        found: Option<FoundKey>,
    ) -> Reading {
        let found = found.map(Arc::new);
        let same = self.fence.same_generation(&sent.token);
        let untouched = match &found {
            Some(found) => self.fence.untouched(&sent.token, &found.key),
            None => self.fence.untouched_absence(&sent.token),
        };
        self.fence.end(&sent.token);
        if !same || !untouched {
            return Reading { answer: None };
        }
        match &found {
            Some(found) => {
                let kept_until = self.keys.insert(Arc::clone(found));
                self.keep(kept_until);
            }
            None => {
                for digest in digests {
                    self.negative.insert(*digest.as_bytes());
                }
            }
        }
        let until = sent.until;
        // Nobody may keep it: it is not in the cache where a change would find it.
        Reading { answer: Some(Answer { found, until, kept_until: BootTime::START }) }
    }

    /// The organization of sessions that is cached. Whether it may still be made use of is seen by
    /// comparing [`Machine::lease_until`] with the clock.
    pub(crate) fn recall_organization(&self, id: &ExternalOrganizationId) -> Option<&Organization> {
        self.organizations.get(id)
    }

    /// A read of an organization of sessions was answered. It goes into the cache where it may;
    /// whether its own answer may be made use of.
    pub(crate) fn end_organization_read(&mut self, sent: &SentRead, found: Option<&Organization>) -> bool {
        let same = self.fence.same_generation(&sent.token);
        let untouched = found.is_none_or(|found| self.fence.untouched_organization(&sent.token, found.id));
        self.fence.end(&sent.token);
        if let Some(found) = found.filter(|_| same && untouched) {
            self.organizations.insert(found);
        }
        same && untouched
    }

    /// A read has failed, or nobody waits for it any more.
    pub(crate) fn abandon_read(&mut self, sent: &SentRead) {
        self.fence.end(&sent.token);
    }

    /// What may be said after a read: what is cached by now, which a later poll may have confirmed,
    /// or else the read's own answer. `None` where it has to be read again.
    pub(crate) fn conclude(
        &self,
        reading: &Reading,
        digests: &[KeyDigest],
        keep: Option<BootTime>,
        now: BootTime,
    ) -> Option<Answer> {
        let fresh = |answer: &Answer| answer.remaining(now).is_some();
        self.recall(digests, keep).filter(fresh).or_else(|| reading.answer.clone().filter(fresh))
    }

    /// How many keys are cached, and how many digests without one.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.keys.len(), self.negative.len())
    }
}
