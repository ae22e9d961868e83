//! When a change that was committed may be acknowledged: the rules, without time or I/O.

use std::time::Duration;

use capykeys_domain::ports::{FeedProgress, RegisteredReplica, Registry, ReplicaId};

use crate::{
    BootTime,
    settings::{LONGEST_REGISTRATION, run_out},
};

/// Waits for every replica that may act on the state before a commit.
///
/// A replica that is registered takes its lease from polls that tell it so. Such a poll either saw the
/// commit, or the registration was there before the commit, where a registry that is read after the
/// commit shows it. A replica that is not in there has no lease from before the commit: it registers
/// later, or it was forgotten, which is done once its registration has run out.
///
/// That is so where all ask one primary. After a failover a replica may be left with the one that was replaced, which
/// tells it whatever it wants to hear, but commits no renewal of its registration: that has run out when the longest
/// one has since the epoch began. One that has confirmed anything in this epoch believes no older one any more.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledgement {
    /// This replica, which has applied the change already.
    own: Option<ReplicaId>,
    /// A reading of the clock after the commit.
    committed: BootTime,
    /// For how long a registration may be good.
    registration: Duration,
    /// `None` before the registry was read.
    waiting: Option<Waiting>,
}

#[derive(Clone, Debug)]
struct Waiting {
    /// The end of the feed after the commit.
    target: FeedProgress,
    /// A time by which the target's epoch had begun.
    since: BootTime,
    /// Who has not confirmed it.
    replicas: Vec<Unconfirmed>,
}

#[derive(Clone, Debug)]
struct Unconfirmed {
    id: ReplicaId,
    lease: Duration,
    /// Whether it has heard of the target's epoch.
    here: bool,
}

impl Acknowledgement {
    /// For a change whose commit was known at `committed`.
    pub(crate) const fn new(own: Option<ReplicaId>, committed: BootTime) -> Self {
        Self { own, committed, registration: LONGEST_REGISTRATION, waiting: None }
    }

    /// The registry, in a state from after the commit, and a time by which the epoch of its head had begun.
    pub(crate) fn told(&mut self, registry: &Registry, since: BootTime) {
        let own = self.own;
        let waiting = self.waiting.get_or_insert_with(|| {
            let others = registry.replicas.iter().filter(|replica| Some(replica.id) != own);
            let replicas =
                others.map(|replica| Unconfirmed { id: replica.id, lease: replica.lease, here: false });
            Waiting { target: registry.head, since, replicas: replicas.collect() }
        });
        waiting.told(registry, since);
    }

    /// When there is nothing more to wait for if nobody confirms anything from now on: where the
    /// registry cannot be read, everybody may be left with a primary that was replaced just now.
    pub(crate) fn latest(&self) -> BootTime {
        match &self.waiting {
            Some(waiting) => {
                let until = |replica: &Unconfirmed| {
                    let lease_over = self.committed.after(run_out(replica.lease));
                    let left_behind = waiting.since.after(run_out(self.registration));
                    if replica.here { lease_over } else { lease_over.max(left_behind) }
                };
                waiting.replicas.iter().map(until).max().unwrap_or(BootTime::START)
            }
            None => self.committed.after(run_out(self.registration)),
        }
    }
}

impl Waiting {
    fn told(&mut self, registry: &Registry, since: BootTime) {
        if registry.head.epoch != self.target.epoch {
            // Numbers of the old epoch say nothing in the new one. Its end covers the change.
            (self.target, self.since) = (registry.head, since);
        }
        let target = self.target;
        let known = |id| registry.replicas.iter().find(|replica: &&RegisteredReplica| replica.id == id);
        self.replicas.retain_mut(|one| {
            let Some(replica) = known(one.id) else { return false };
            one.here = replica.confirmed.is_some_and(|confirmed| confirmed.epoch == target.epoch);
            !replica.confirmed.is_some_and(|confirmed| confirmed.covers(&target))
        });
    }
}

#[cfg(test)]
mod tests {
    use capykeys_conformance::fixtures;

    use super::*;

    impl Acknowledgement {
        /// Everything that it depends on where no lease is longer than `longest`, with times as what is left
        /// of them.
        pub(crate) fn fingerprint(&self, longest: Duration, now: BootTime) -> impl std::hash::Hash + use<> {
            let registration = run_out(self.registration);
            let waiting = self.waiting.as_ref().map(|waiting| {
                let each = |one: &Unconfirmed| (one.id.0, one.here);
                let replicas: Vec<_> = waiting.replicas.iter().map(each).collect();
                let epoch_left = waiting.since.after(registration).since(now);
                // Nothing makes it wait again.
                (!replicas.is_empty()).then_some((
                    waiting.target.sequence,
                    waiting.target.epoch,
                    replicas,
                    epoch_left,
                ))
            });
            let longest = match &waiting {
                Some(Some(_)) => run_out(longest),
                Some(None) => Duration::ZERO,
                None => registration,
            };
            (now.since(self.committed).min(longest), waiting)
        }

        /// With registrations that are good for so long at most.
        pub(crate) fn with_registrations(self, registration: Duration) -> Self {
            Self { registration, ..self }
        }
    }

    const OWN: Option<ReplicaId> = Some(ReplicaId([1; 16]));
    const COMMITTED: BootTime = BootTime::from_nanos(1_000_000_000);

    fn progress(epoch: u8, sequence: i64) -> FeedProgress {
        FeedProgress { sequence: fixtures::sequence(sequence), epoch: [epoch; 16] }
    }

    /// Replicas by number, with their leases in milliseconds and what they have confirmed.
    fn registry(head: FeedProgress, replicas: &[(u8, u64, Option<FeedProgress>)]) -> Registry {
        let replica = |(id, lease, confirmed): &(u8, u64, Option<FeedProgress>)| RegisteredReplica {
            id: ReplicaId([*id; 16]),
            lease: Duration::from_millis(*lease),
            confirmed: *confirmed,
            renewals: 0,
        };
        Registry { head, replicas: replicas.iter().map(replica).collect() }
    }

    fn waits_for(acknowledgement: &Acknowledgement) -> Option<Duration> {
        let latest = acknowledgement.latest();
        (latest > COMMITTED).then(|| latest.since(COMMITTED))
    }

    #[test]
    fn a_replica_that_is_alone_is_not_waited_for() {
        let mut one = Acknowledgement::new(OWN, COMMITTED);
        assert_eq!(waits_for(&one), Some(Duration::from_millis(10_010)), "before the registry is read");
        one.told(&registry(progress(1, 9), &[(1, 500, None)]), COMMITTED);
        assert_eq!(waits_for(&one), None);
    }

    #[test]
    fn everybody_confirms_or_their_own_lease_runs_out() {
        let mut one = Acknowledgement::new(OWN, COMMITTED);
        let head = progress(1, 9);
        let before = Some(progress(1, 8));
        let mut told = |head, replicas: &[(u8, u64, Option<FeedProgress>)]| {
            one.told(&registry(head, replicas), BootTime::START);
            waits_for(&one)
        };
        let waits = told(head, &[(1, 500, None), (2, 500, before), (3, 5_000, before)]);
        assert_eq!(waits, Some(Duration::from_millis(5_005)));
        let later = progress(1, 12);
        let waits = told(later, &[(1, 500, None), (2, 500, before), (3, 5_000, Some(head))]);
        assert_eq!(waits, Some(Duration::from_micros(500_500)));
        assert_eq!(told(later, &[(1, 500, None), (2, 500, Some(progress(1, 11)))]), None);
    }

    #[test]
    fn who_has_not_heard_of_the_epoch_is_waited_for_until_no_registration_is_older() {
        let since = BootTime::from_nanos(400_000_000);
        let mut one = Acknowledgement::new(None, COMMITTED);
        let mut told = |epoch, since, confirmed| {
            one.told(&registry(progress(epoch, 9), &[(2, 500, confirmed)]), since);
            waits_for(&one)
        };
        let left = |millis| Some(Duration::from_millis(millis));
        assert_eq!(told(2, since, Some(progress(1, 9))), left(9_410));
        assert_eq!(told(2, COMMITTED, None), left(9_410), "the epoch has not begun anew");
        assert_eq!(told(2, since, Some(progress(2, 8))), Some(Duration::from_micros(500_500)));
        assert_eq!(told(3, COMMITTED, Some(progress(2, 9))), left(10_010), "and there is another");
        assert_eq!(told(3, COMMITTED, Some(progress(3, 9))), None);
    }

    #[test]
    fn whoever_registers_after_the_commit_is_not_waited_for() {
        let mut one = Acknowledgement::new(None, COMMITTED);
        one.told(&registry(progress(1, 9), &[]), COMMITTED);
        one.told(&registry(progress(1, 9), &[(4, 500, None)]), COMMITTED);
        assert_eq!(waits_for(&one), None);
    }

    #[test]
    fn what_was_confirmed_in_another_epoch_does_not_count() {
        let mut one = Acknowledgement::new(None, COMMITTED);
        one.told(&registry(progress(1, 9), &[(2, 500, Some(progress(7, 100)))]), COMMITTED);
        assert!(waits_for(&one).is_some());
        one.told(&registry(progress(2, 9), &[(2, 500, Some(progress(1, 9)))]), COMMITTED);
        assert!(waits_for(&one).is_some());
        one.told(&registry(progress(2, 9), &[(2, 500, Some(progress(2, 9)))]), COMMITTED);
        assert_eq!(waits_for(&one), None);
    }
}
