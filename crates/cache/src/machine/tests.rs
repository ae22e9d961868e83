//! What the searches need of a machine: copies of it, and what tells two of its states apart.

use std::time::Duration;

use capykeys_domain::ports::{FeedPosition, FoundKey};

use super::{Machine, SentPoll, SentRead};
use crate::BootTime;

impl Clone for Machine {
    fn clone(&self) -> Self {
        Self {
            lease: self.lease,
            registration: self.registration,
            lease_until: self.lease_until,
            polled: self.polled,
            registered_until: self.registered_until,
            epoch_since: self.epoch_since,
            position: self.position,
            polls: self.polls,
            confirmed: self.confirmed,
            kept_until: self.kept_until,
            store_time: self.store_time.clone(),
            fence: self.fence.clone(),
            brought: self.brought,
            keys: self.keys.clone(),
            negative: self.negative.clone(),
            organizations: self.organizations.clone(),
        }
    }
}

impl Machine {
    /// What decides on verdicts, with times as what is left of them and without numbers that only count, and what
    /// decides on what is confirmed, where that still matters.
    pub(crate) fn fingerprint(&self, now: BootTime, confirming: bool) -> impl std::hash::Hash + use<> {
        let kept_until = if confirming { self.kept_until } else { BootTime::START };
        let left = [self.lease_until, self.registered_until, kept_until].map(|time| time.since(now));
        let place = |position: FeedPosition| (position.sequence, position.mark, position.epoch);
        let confirmed =
            self.confirmed.filter(|_| confirming).map(|progress| (progress.sequence, progress.epoch));
        (left, self.position.map(place), confirmed, self.keys.fingerprint(now))
    }

    /// Of a read in flight, until when what it finds may be acted on; `None` where that is no answer any more.
    pub(crate) fn read_fingerprint(
        &self,
        read: &SentRead,
        key: &FoundKey,
        now: BootTime,
    ) -> Option<Duration> {
        let same = self.fence.same_generation(&read.token);
        let own = same && self.fence.untouched(&read.token, &key.key);
        own.then(|| read.until.since(now))
    }

    pub(crate) fn reads_in_flight(&self) -> usize {
        self.fence.reads_in_flight()
    }
}

impl SentPoll {
    /// What would be left of a lease from it; what it asks after is the position.
    pub(crate) const fn fingerprint(&self, now: BootTime) -> Duration {
        self.until.since(now)
    }
}
