//! Which replicas are gone: the reaper of their registrations.

use std::{collections::HashMap, time::Duration};

use capykeys_domain::ports::{RegisteredReplica, Registry, ReplicaId};

use crate::{
    BootTime,
    settings::{LONGEST_REGISTRATION, run_out},
};

/// A replica that says nothing for this long is taken to be gone. One that is only cut off comes
/// to no harm: it has no lease by then, and registers again.
const PATIENCE: Duration = Duration::from_secs(20);

/// Watches the others' registrations. The store's clock plays no part: what counts is how long this
/// process has seen no renewal.
#[derive(Clone, Debug)]
pub(crate) struct Reaper {
    patience: Duration,
    /// How long one that is retired may act on what it is told: as long as its last registration is good at most.
    registration: Duration,
    seen: HashMap<ReplicaId, Seen>,
}

impl Default for Reaper {
    fn default() -> Self {
        Self::new(PATIENCE, LONGEST_REGISTRATION)
    }
}

#[derive(Clone, Debug)]
struct Seen {
    renewals: i64,
    /// When this number of renewals was seen first.
    since: BootTime,
    /// When it was certain that the replica takes no lease any more.
    retired: Option<BootTime>,
}

/// What is to be done.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    pub(crate) retire: Vec<RegisteredReplica>,
    pub(crate) forget: Vec<RegisteredReplica>,
}

impl Reaper {
    pub(crate) fn new(patience: Duration, registration: Duration) -> Self {
        Self { patience, registration, seen: HashMap::new() }
    }

    /// What follows from the registry as it was read before `now`, for the replica `own`.
    pub(crate) fn observe(&mut self, registry: &Registry, own: ReplicaId, now: BootTime) -> Steps {
        self.seen.retain(|id, _| registry.replicas.iter().any(|replica| replica.id == *id));
        let mut steps = Steps::default();
        for replica in registry.replicas.iter().filter(|replica| replica.id != own) {
            let fresh = || Seen { renewals: replica.renewals, since: now, retired: None };
            let seen = self.seen.entry(replica.id).or_insert_with(fresh);
            if seen.renewals != replica.renewals {
                *seen = fresh();
            }
            match seen.retired {
                Some(retired) if now.since(retired) >= run_out(self.registration) => {
                    steps.forget.push(replica.clone());
                }
                None if now.since(seen.since) >= self.patience => steps.retire.push(replica.clone()),
                _ => {}
            }
        }
        steps
    }

    /// The replica was retired, with what was known of it; that was certain at `now`.
    pub(crate) fn retired(&mut self, replica: &RegisteredReplica, now: BootTime) {
        if let Some(seen) = self.seen.get_mut(&replica.id).filter(|seen| seen.renewals == replica.renewals) {
            seen.retired = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use capykeys_domain::{model::Sequence, ports::FeedProgress};

    use super::*;

    impl Reaper {
        /// What was seen of the replica, if it has not renewed since `renewals`.
        pub(crate) fn fingerprint(
            &self,
            replica: &RegisteredReplica,
            now: BootTime,
        ) -> impl std::hash::Hash + use<> {
            let seen = self.seen.get(&replica.id).filter(|seen| seen.renewals == replica.renewals)?;
            let retired = seen.retired.map(|retired| now.since(retired).min(run_out(self.registration)));
            Some((now.since(seen.since).min(self.patience), retired))
        }
    }

    const OWN: ReplicaId = ReplicaId([0; 16]);
    const LEASE: Duration = Duration::from_millis(500);

    fn registry(renewals: i64) -> Registry {
        let replica = |id: u8, renewals| RegisteredReplica {
            id: ReplicaId([id; 16]),
            lease: LEASE,
            confirmed: None,
            renewals,
        };
        let head = FeedProgress { sequence: Sequence::START, epoch: [0; 16] };
        Registry { head, replicas: vec![replica(0, 0), replica(1, renewals)] }
    }

    fn at(millis: u64) -> BootTime {
        BootTime::new(Duration::from_millis(millis))
    }

    #[test]
    fn a_replica_that_says_nothing_is_retired_and_forgotten_when_its_registration_has_run_out() {
        let mut reaper = Reaper::default();
        for millis in [0, 10_000, 19_999] {
            assert!(reaper.observe(&registry(7), OWN, at(millis)).retire.is_empty());
        }
        let steps = reaper.observe(&registry(7), OWN, at(20_000));
        assert!(steps.forget.is_empty());
        reaper.retired(&steps.retire[0], at(20_100));
        assert!(reaper.observe(&registry(7), OWN, at(30_109)).forget.is_empty());
        let steps = reaper.observe(&registry(7), OWN, at(30_110));
        assert_eq!(steps.forget[0].id, ReplicaId([1; 16]));
        assert!(steps.retire.is_empty());
    }

    #[test]
    fn one_that_renews_is_left_alone_also_once_it_was_retired() {
        let mut reaper = Reaper::default();
        for (renewals, millis) in (0..100).zip((0..).step_by(10_000)) {
            let steps = reaper.observe(&registry(renewals), OWN, at(millis));
            assert!(steps.retire.is_empty() && steps.forget.is_empty());
        }
        let mut reaper = Reaper::default();
        let _ = reaper.observe(&registry(1), OWN, at(0));
        let retired = reaper.observe(&registry(1), OWN, at(20_000)).retire;
        reaper.retired(&retired[0], at(20_000));
        let steps = reaper.observe(&registry(2), OWN, at(30_000));
        assert!(steps.retire.is_empty() && steps.forget.is_empty());
    }
}
