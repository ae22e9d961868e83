//! What tells two states of a machine apart, for the search through all states.

use std::time::Duration;

use capykeys_domain::ports::{FeedPosition, FoundKey};

use super::{Machine, SentPoll, SentRead};
use crate::BootTime;

impl Machine {
    /// What decides on verdicts, with times as what is left of them and without numbers that only count.
    pub(crate) fn fingerprint(&self, now: BootTime) -> impl std::hash::Hash + use<> {
        let times = (self.lease_until.since(now), self.kept_until.since(now));
        let place = |position: FeedPosition| (position.sequence, position.mark, position.history);
        let confirmed = self.confirmed.map(|progress| (progress.sequence, progress.history));
        (times, self.position.map(place), confirmed, self.live.fingerprint(now), self.late.clone())
    }

    /// The same of a read in flight.
    pub(crate) fn read_fingerprint(
        &self,
        read: &SentRead,
        key: &FoundKey,
        now: BootTime,
    ) -> (Duration, bool, bool) {
        let left = read.began.after(self.lease).since(now);
        let same = self.fence.same_generation(&read.pass);
        (left, same, self.fence.untouched(&read.pass, &key.key))
    }
}

impl SentPoll {
    /// What would be left of a lease from it; what it asks after is the position.
    pub(crate) const fn fingerprint(&self, lease: Duration, now: BootTime) -> Duration {
        self.sent.after(lease).since(now)
    }
}
