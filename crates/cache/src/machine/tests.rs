//! What the searches need of a machine: copies of it, and what tells two of its states apart.

use std::time::Duration;

use capykeys_domain::ports::{FeedPosition, FoundKey};

use super::{Machine, SentPoll, SentRead};
use crate::BootTime;

impl Clone for Machine {
    fn clone(&self) -> Self {
        Self {
            lease: self.lease,
            lease_until: self.lease_until,
            position: self.position,
            polls: self.polls,
            confirmed: self.confirmed,
            kept_until: self.kept_until,
            store_time: self.store_time.clone(),
            fence: self.fence.clone(),
            keys: self.keys.clone(),
            negative: self.negative.clone(),
            organizations: self.organizations.clone(),
        }
    }
}

impl Machine {
    /// What decides on verdicts, with times as what is left of them and without numbers that only count.
    pub(crate) fn fingerprint(&self, now: BootTime) -> impl std::hash::Hash + use<> {
        let times = (self.lease_until.since(now), self.kept_until.since(now));
        let place = |position: FeedPosition| (position.sequence, position.mark, position.epoch);
        let confirmed = self.confirmed.map(|progress| (progress.sequence, progress.epoch));
        (times, self.position.map(place), confirmed, self.keys.fingerprint(now))
    }

    /// The same of a read in flight.
    pub(crate) fn read_fingerprint(
        &self,
        read: &SentRead,
        key: &FoundKey,
        now: BootTime,
    ) -> (Duration, bool, bool) {
        let left = read.began.after(self.lease).since(now);
        let same = self.fence.same_generation(&read.token);
        (left, same, self.fence.untouched(&read.token, &key.key))
    }

    pub(crate) fn reads_in_flight(&self) -> usize {
        self.fence.reads_in_flight()
    }
}

impl SentPoll {
    /// What would be left of a lease from it; what it asks after is the position.
    pub(crate) const fn fingerprint(&self, lease: Duration, now: BootTime) -> Duration {
        self.sent.after(lease).since(now)
    }
}
