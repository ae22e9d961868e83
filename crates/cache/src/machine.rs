//! The rules, without time, I/O or concurrency: what happens and what the clock shows is told to it.

use std::{sync::Arc, time::Duration};

use capykeys_domain::{
    model::{ClerkOrganizationId, Organization, Timestamp},
    ports::{Change, FeedHead, FeedPosition, FeedProgress, FoundKey, Poll},
    secret::KeyDigest,
};

use crate::{
    Answer, BootTime, CacheSettings,
    absent::Absent,
    fence::{Fence, Pass},
    live::Live,
    organizations::Organizations,
    planted::{Bug, Planted},
    store_time::StoreTime,
};

#[cfg(test)]
mod fingerprint;
mod obedience;

/// A poll that was sent.
#[derive(Clone, Debug)]
pub(crate) struct SentPoll {
    number: u64,
    sent: BootTime,
    /// What to poll after; without one, the head is to be asked for.
    pub(crate) position: Option<FeedPosition>,
}

/// What a poll has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Polled {
    /// Everything is known that was committed before it was sent.
    Current,
    /// There is more: poll on at once.
    Behind,
    /// The cache was emptied.
    Restarted,
    /// What it told is obeyed, but it gives no lease: this replica has to register first.
    Unregistered,
    /// It had been given up.
    Ignored,
}

/// A read that was sent.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct SentRead {
    pass: Pass,
    began: BootTime,
}

/// What a read has found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// The read's own answer; `None` where something that touches it was changed meanwhile.
    answer: Option<Answer>,
}

/// The state of one replica's cache.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Machine {
    lease: Duration,
    /// While the clock shows less than this, the cache may be used.
    lease_until: BootTime,
    position: Option<FeedPosition>,
    polls: u64,
    /// What the store knows to be obeyed here.
    confirmed: Option<FeedProgress>,
    /// Until when somebody may act on a verdict about a key that is not cached any more.
    kept_until: BootTime,
    store_time: StoreTime,
    fence: Fence,
    live: Live,
    absent: Absent,
    organizations: Organizations,
    planted: Planted,
    /// Changes that a planted fault has not applied yet.
    late: Vec<Change>,
}

impl Machine {
    pub(crate) fn new(settings: &CacheSettings, planted: Planted) -> Self {
        Self {
            lease: settings.lease,
            lease_until: BootTime::START,
            position: None,
            polls: 0,
            confirmed: None,
            kept_until: BootTime::START,
            store_time: StoreTime::default(),
            fence: Fence::default(),
            live: Live::new(settings.keys),
            absent: Absent::new(settings),
            organizations: Organizations::default(),
            planted,
            late: Vec::new(),
        }
    }

    /// A poll is about to be sent; any earlier one is given up. `now` must have been read before it
    /// is sent.
    pub(crate) fn begin_poll(&mut self, now: BootTime) -> SentPoll {
        self.polls += 1;
        SentPoll { number: self.polls, sent: now, position: self.position }
    }

    /// The poll was answered, at `now`.
    pub(crate) fn end_poll(&mut self, sent: &SentPoll, answer: &Poll, now: BootTime) -> Polled {
        if sent.number != self.polls {
            return Polled::Ignored;
        }
        match answer {
            Poll::Changes { changes, position, complete, store_time, registered } => {
                self.apply(changes);
                // In this order: where something goes wrong on the way, the next poll tells the
                // same changes again, and there is no lease before they are applied.
                self.position = Some(*position);
                self.absent.age(now);
                self.store_time.told(*store_time, sent.sent, now);
                if !complete && !self.planted.is(Bug::LeaseFromIncompletePoll) {
                    return Polled::Behind;
                }
                self.extend(sent, *registered, now, Polled::Current)
            }
            Poll::Diverged(head) => self.end_head(sent, head, now),
        }
    }

    /// The head was asked for and answered, at `now`: what is known is of no use.
    pub(crate) fn end_head(&mut self, sent: &SentPoll, head: &FeedHead, now: BootTime) -> Polled {
        if sent.number != self.polls {
            return Polled::Ignored;
        }
        if sent.position.is_none() || !self.planted.is(Bug::DivergenceIgnored) {
            self.clear();
        }
        self.position = Some(head.position);
        self.store_time.told(head.store_time, sent.sent, now);
        self.extend(sent, head.registered, now, Polled::Restarted)
    }

    /// Until when the cache may be used.
    pub(crate) const fn lease_until(&self) -> BootTime {
        self.lease_until
    }

    /// The store's time at `now`; `None` before the first poll.
    pub(crate) fn store_now(&self, now: BootTime) -> Option<Timestamp> {
        self.store_time.at(now)
    }

    /// What is cached of `digests`, for somebody who may go on acting on it until `keep`. Whether it
    /// may still be said is seen by comparing [`Answer::until`] with the clock, as the very last
    /// thing.
    pub(crate) fn recall(&self, digests: &[KeyDigest], keep: Option<BootTime>) -> Option<Answer> {
        let until =
            if self.planted.is(Bug::NoLease) { BootTime::new(Duration::MAX) } else { self.lease_until };
        // Noted with the key while the lock is held, so that a change that comes later waits for it.
        let keep = keep.map(|keep| keep.min(until));
        let kept_until = keep.unwrap_or(BootTime::START);
        if let Some(found) = self.live.get(digests, keep, &self.planted) {
            return Some(Answer { found: Some(Arc::clone(found)), until, kept_until });
        }
        let absent = digests.iter().all(|digest| self.absent.contains(digest.as_bytes()));
        absent.then_some(Answer { found: None, until, kept_until })
    }

    /// A read of the store is about to be sent. `now` must have been read before.
    pub(crate) fn begin_read(&mut self, now: BootTime) -> SentRead {
        SentRead { pass: self.fence.begin(), began: now }
    }

    /// A read of `digests` was answered. It goes into the cache where it may.
    pub(crate) fn end_read(
        &mut self,
        sent: &SentRead,
        digests: &[KeyDigest],
        found: Option<FoundKey>,
    ) -> Reading {
        let found = found.map(Arc::new);
        let same = self.fence.same_generation(&sent.pass) || self.planted.is(Bug::FillAfterRestart);
        let untouched = found.as_ref().is_none_or(|found| self.fence.untouched(&sent.pass, &found.key));
        self.fence.end(&sent.pass);
        if !same || !(untouched || self.planted.is(Bug::NoFence)) {
            return Reading { answer: None };
        }
        match &found {
            Some(found) => {
                self.planted.remember(found.digest.as_bytes(), found.key.id);
                let kept_until = self.live.insert(Arc::clone(found));
                self.keep(kept_until);
            }
            None => {
                for digest in digests {
                    self.absent.insert(*digest.as_bytes());
                }
            }
        }
        let until = if self.planted.is(Bug::NoAgeOfReads) {
            BootTime::new(Duration::MAX)
        } else {
            // It saw what was committed before it began, as a poll does.
            sent.began.after(self.lease)
        };
        // Nobody may keep it: it is not in the cache where a change would find it.
        Reading { answer: Some(Answer { found, until, kept_until: BootTime::START }) }
    }

    /// The organization of sessions that is cached. Whether it may still be made use of is seen by
    /// comparing [`Machine::lease_until`] with the clock.
    pub(crate) fn recall_organization(&self, id: &ClerkOrganizationId) -> Option<&Organization> {
        self.organizations.get(id)
    }

    /// A read of an organization of sessions was answered. It goes into the cache where it may;
    /// whether its own answer may be made use of.
    pub(crate) fn end_organization_read(&mut self, sent: &SentRead, found: Option<&Organization>) -> bool {
        let same = self.fence.same_generation(&sent.pass);
        let untouched = found.is_none_or(|found| self.fence.untouched_organization(&sent.pass, found.id));
        self.fence.end(&sent.pass);
        if let Some(found) = found.filter(|_| same && untouched) {
            self.organizations.insert(found);
        }
        same && untouched
    }

    /// A read has failed, or nobody waits for it any more.
    pub(crate) fn abandon_read(&mut self, sent: &SentRead) {
        self.fence.end(&sent.pass);
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

    /// How many keys and how many absent digests are cached.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.live.len(), self.absent.len())
    }

    #[cfg(test)]
    pub(crate) fn reads_in_flight(&self) -> usize {
        self.fence.reads_in_flight()
    }
}
