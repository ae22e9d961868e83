//! When a change that was committed may be acknowledged: the rules, without time or I/O.

use capykeys_domain::ports::{FeedProgress, Registry, ReplicaId};

use crate::{
    BootTime,
    settings::{LONGEST_LEASE, run_out},
};

/// Waits for every replica that may act on the state before a commit.
///
/// A replica that is registered takes its lease from polls that tell it so. Such a poll either saw the
/// commit, or the registration was there before the commit, where a registry that is read after the
/// commit shows it. A replica that is not in there has no lease from before the commit: it registers
/// later, or it was forgotten, which is done once its lease has run out.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledgement {
    /// This replica, which has applied the change already.
    own: Option<ReplicaId>,
    /// A reading of the clock after the commit.
    committed: BootTime,
    /// `None` before the registry was read.
    waiting: Option<Waiting>,
}

#[derive(Clone, Debug)]
struct Waiting {
    /// The end of the feed after the commit.
    target: FeedProgress,
    /// Who has not confirmed it, and when their leases from before the commit have run out.
    replicas: Vec<(ReplicaId, BootTime)>,
}

impl Acknowledgement {
    /// For a change whose commit was known at `committed`.
    pub(crate) const fn new(own: Option<ReplicaId>, committed: BootTime) -> Self {
        Self { own, committed, waiting: None }
    }

    /// The registry, in a state from after the commit.
    pub(crate) fn told(&mut self, registry: &Registry) {
        let Some(waiting) = &mut self.waiting else {
            let others = registry.replicas.iter().filter(|replica| Some(replica.id) != self.own);
            let until = |lease| self.committed.after(run_out(lease));
            let mut waiting = Waiting {
                target: registry.head,
                replicas: others.map(|replica| (replica.id, until(replica.lease))).collect(),
            };
            waiting.told(registry);
            self.waiting = Some(waiting);
            return;
        };
        waiting.told(registry);
    }

    /// When there is nothing more to wait for if nobody confirms anything from now on: where the
    /// registry cannot be read, everybody may have the longest lease that there is.
    pub(crate) fn latest(&self) -> BootTime {
        match &self.waiting {
            Some(waiting) => {
                waiting.replicas.iter().map(|(_, until)| *until).max().unwrap_or(BootTime::START)
            }
            None => self.committed.after(run_out(LONGEST_LEASE)),
        }
    }
}

impl Waiting {
    fn told(&mut self, registry: &Registry) {
        if registry.head.epoch != self.target.epoch {
            // Numbers of the old epoch say nothing in the new one. Its end covers the change.
            self.target = registry.head;
        }
        let target = self.target;
        self.replicas.retain(|(id, _)| {
            let replica = registry.replicas.iter().find(|replica| replica.id == *id);
            replica
                .is_some_and(|replica| !replica.confirmed.is_some_and(|confirmed| confirmed.covers(&target)))
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use capykeys_conformance::fixtures;
    use capykeys_domain::ports::RegisteredReplica;

    use super::*;

    impl Acknowledgement {
        /// Everything that it depends on where no lease is longer than `longest`, with times as what is left
        /// of them.
        pub(crate) fn fingerprint(&self, longest: Duration, now: BootTime) -> impl std::hash::Hash + use<> {
            let waiting = self.waiting.as_ref().map(|waiting| {
                let left = |(id, until): &(ReplicaId, BootTime)| (id.0, until.since(now));
                let replicas: Vec<_> = waiting.replicas.iter().map(left).collect();
                (waiting.target.sequence, waiting.target.epoch, replicas)
            });
            let since = now.since(self.committed).min(run_out(longest));
            (waiting.is_none().then_some(since), waiting)
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
        assert_eq!(waits_for(&one), Some(Duration::from_millis(5_005)), "before the registry is read");
        one.told(&registry(progress(1, 9), &[(1, 500, None)]));
        assert_eq!(waits_for(&one), None);
    }

    #[test]
    fn everybody_confirms_or_their_own_lease_runs_out() {
        let mut one = Acknowledgement::new(OWN, COMMITTED);
        let head = progress(1, 9);
        one.told(&registry(head, &[(1, 500, None), (2, 500, None), (3, 5_000, Some(progress(1, 8)))]));
        assert_eq!(waits_for(&one), Some(Duration::from_millis(5_005)));
        one.told(&registry(progress(1, 12), &[(1, 500, None), (2, 500, None), (3, 5_000, Some(head))]));
        assert_eq!(waits_for(&one), Some(Duration::from_micros(500_500)));
        one.told(&registry(progress(1, 12), &[(1, 500, None), (2, 500, Some(progress(1, 11)))]));
        assert_eq!(waits_for(&one), None);
    }

    #[test]
    fn whoever_registers_after_the_commit_is_not_waited_for() {
        let mut one = Acknowledgement::new(None, COMMITTED);
        one.told(&registry(progress(1, 9), &[]));
        one.told(&registry(progress(1, 9), &[(4, 500, None)]));
        assert_eq!(waits_for(&one), None);
    }

    #[test]
    fn what_was_confirmed_in_another_epoch_does_not_count() {
        let mut one = Acknowledgement::new(None, COMMITTED);
        one.told(&registry(progress(1, 9), &[(2, 500, Some(progress(7, 100)))]));
        assert!(waits_for(&one).is_some());
        one.told(&registry(progress(2, 9), &[(2, 500, Some(progress(1, 9)))]));
        assert!(waits_for(&one).is_some());
        one.told(&registry(progress(2, 9), &[(2, 500, Some(progress(2, 9)))]));
        assert_eq!(waits_for(&one), None);
    }
}
