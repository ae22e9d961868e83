//! The replicas that may remember keys.

use std::{collections::HashMap, sync::Arc, time::Duration};

use capykeys_domain::{
    model::Sequence,
    ports::{FeedHead, FeedProgress, FeedQuery, Poll, RegisteredReplica, Registry, ReplicaId},
};
use futures_util::future::join_all;

use super::{
    cancel::drop_after,
    support::{ALL, READER},
};
use crate::{Store, fixtures};

const LEASE: Duration = Duration::from_millis(500);
const ONE: ReplicaId = ReplicaId([1; 16]);
const OTHER: ReplicaId = ReplicaId([2; 16]);

impl Store {
    async fn register(&self, id: ReplicaId) {
        self.registry.register_replica(id, LEASE).await.unwrap();
    }

    async fn registered(&self) -> Registry {
        self.registry.read_registry().await.unwrap()
    }

    /// The replica as the store knows it.
    async fn replica(&self, id: ReplicaId) -> Option<RegisteredReplica> {
        self.registered().await.replicas.into_iter().find(|replica| replica.id == id)
    }

    async fn renewals(&self, id: ReplicaId) -> i64 {
        self.replica(id).await.unwrap().renewals
    }

    /// Retires it as who has seen its last renewal.
    async fn retire(&self, id: ReplicaId) {
        assert!(self.registry.retire_replica(id, self.renewals(id).await).await.unwrap());
    }

    async fn forget(&self, id: ReplicaId) {
        self.registry.forget_replica(id, self.renewals(id).await).await.unwrap();
    }

    async fn progress(&self) -> FeedProgress {
        self.end_of_feed().await.into()
    }

    /// Whether the reader is told that it is registered, in whichever way it asks.
    async fn tells_registered(&self, reader: ReplicaId) -> bool {
        let head = self.feed.feed_head(reader).await.unwrap();
        let told = |poll| match poll {
            Poll::Changes { registered, .. } | Poll::Diverged(FeedHead { registered, .. }) => registered,
        };
        let mut elsewhere = head.position;
        elsewhere.mark[15] ^= 1;
        for after in [head.position, elsewhere] {
            let poll = self.feed.poll_changes(FeedQuery { reader, after, limit: ALL }).await.unwrap();
            assert_eq!(told(poll), head.registered, "{after:?}");
        }
        head.registered
    }
}

/// A head, a page and a divergence say the same.
pub async fn only_who_is_registered_is_told_so(store: &Store) {
    assert_eq!(store.registered().await.replicas, []);
    assert!(!store.tells_registered(ONE).await);
    store.register(ONE).await;
    assert!(store.tells_registered(ONE).await);
    assert!(!store.tells_registered(OTHER).await && !store.tells_registered(READER).await);
}

/// To the microsecond, and with nothing confirmed.
pub async fn a_replica_is_kept_as_it_was_registered(store: &Store) {
    let leases = [1, 500_000, 1_234_567, 5_000_000].map(Duration::from_micros);
    for (number, lease) in (1..).zip(leases) {
        store.registry.register_replica(ReplicaId([number; 16]), lease).await.unwrap();
    }
    for (number, lease) in (1..).zip(leases) {
        let replica = store.replica(ReplicaId([number; 16])).await.unwrap();
        assert_eq!((replica.lease, replica.confirmed), (lease, None));
    }
    assert_eq!(store.registered().await.replicas.len(), leases.len());
}

/// Each is told by the number, and by no other replica's.
pub async fn registering_again_and_confirming_renew(store: &Store) {
    let progress = store.progress().await;
    store.register(ONE).await;
    store.register(OTHER).await;
    let (mut before, other) = (store.renewals(ONE).await, store.renewals(OTHER).await);
    for round in 0..4 {
        if round % 2 == 0 {
            store.registry.confirm_progress(ONE, progress).await.unwrap();
        } else {
            store.register(ONE).await;
        }
        let after = store.renewals(ONE).await;
        assert!(after > before, "{round}");
        before = after;
    }
    assert_eq!(store.renewals(OTHER).await, other);
}

/// Of this replica alone, as given, in whichever epoch.
pub async fn what_was_confirmed_stays_until_more_is_also_where_it_registers_again(store: &Store) {
    store.register(ONE).await;
    store.register(OTHER).await;
    for (sequence, line) in [(0, 0), (7, 0xff), (Sequence::MAX.get(), 3), (2, 4)] {
        let progress = FeedProgress { sequence: fixtures::sequence(sequence), epoch: [line; 16] };
        store.registry.confirm_progress(ONE, progress).await.unwrap();
        assert_eq!(store.replica(ONE).await.unwrap().confirmed, Some(progress));
        store.register(ONE).await;
        assert_eq!(store.replica(ONE).await.unwrap().confirmed, Some(progress));
    }
    assert_eq!(store.replica(OTHER).await.unwrap().confirmed, None);
}

/// Retired, it is still among those who may have a lease, until it is forgotten.
pub async fn a_replica_is_removed_in_two_steps(store: &Store) {
    store.register(ONE).await;
    store.register(OTHER).await;
    store.retire(ONE).await;
    assert!(!store.tells_registered(ONE).await && store.tells_registered(OTHER).await);
    assert_eq!(store.replica(ONE).await.unwrap().lease, LEASE);
    store.retire(ONE).await;
    store.forget(ONE).await;
    assert_eq!(store.replica(ONE).await, None);
    assert!(!store.tells_registered(ONE).await && store.tells_registered(OTHER).await);
}

/// At any time, and then it is neither retired nor forgotten with what was known before.
pub async fn a_replica_that_registers_again_is_not_retired_any_more(store: &Store) {
    let progress = store.progress().await;
    store.register(ONE).await;
    store.registry.confirm_progress(ONE, progress).await.unwrap();
    let known = store.renewals(ONE).await;
    store.retire(ONE).await;
    store.register(ONE).await;
    assert!(store.tells_registered(ONE).await);
    assert_eq!(store.replica(ONE).await.unwrap().confirmed, Some(progress));
    store.registry.forget_replica(ONE, known).await.unwrap();
    assert!(!store.registry.retire_replica(ONE, known).await.unwrap());
    assert!(store.tells_registered(ONE).await);

    store.retire(ONE).await;
    store.forget(ONE).await;
    store.register(ONE).await;
    assert!(store.tells_registered(ONE).await);
    assert_eq!(store.replica(ONE).await.unwrap().confirmed, None);
}

/// Who is slow to retire or to forget it has seen an older state.
pub async fn a_replica_that_has_renewed_since_is_neither_retired_nor_forgotten(store: &Store) {
    let progress = store.progress().await;
    store.register(ONE).await;
    let known = store.renewals(ONE).await;
    store.registry.confirm_progress(ONE, progress).await.unwrap();
    assert!(!store.registry.retire_replica(ONE, known).await.unwrap());
    assert!(store.tells_registered(ONE).await);

    let known = store.renewals(ONE).await;
    assert!(store.registry.retire_replica(ONE, known).await.unwrap());
    store.registry.confirm_progress(ONE, progress).await.unwrap();
    store.registry.forget_replica(ONE, known).await.unwrap();
    assert!(store.replica(ONE).await.is_some());
    assert!(!store.tells_registered(ONE).await, "only to register again makes up for it");
}

/// However old its registration is.
pub async fn a_replica_that_is_not_retired_is_not_forgotten(store: &Store) {
    store.register(ONE).await;
    store.forget(ONE).await;
    assert!(store.tells_registered(ONE).await && store.replica(ONE).await.is_some());
}

/// It makes no replica, and harms none.
pub async fn of_a_replica_that_is_not_registered_nothing_is_stored(store: &Store) {
    store.register(ONE).await;
    let (before, progress) = (store.registered().await, store.progress().await);
    store.registry.confirm_progress(OTHER, progress).await.unwrap();
    for renewals in [0, 1, -1, i64::MAX, i64::MIN] {
        assert!(!store.registry.retire_replica(OTHER, renewals).await.unwrap());
        store.registry.forget_replica(OTHER, renewals).await.unwrap();
    }
    assert_eq!(store.registered().await, before);
}

/// With the change in it, and who had registered before it.
pub async fn the_registry_shows_what_was_committed_before_it_was_read(store: &Store) {
    let organization = store.organization().await;
    for micros in 0..20 {
        let id = ReplicaId([u8::try_from(micros).unwrap(); 16]);
        let before = store.registered().await.head;
        store.register(id).await;
        store.revoked_key(&organization, micros).await;
        let registry = store.registered().await;
        assert_eq!(registry.head, FeedProgress { sequence: before.sequence.next().unwrap(), ..before });
        assert_eq!(registry.head, store.progress().await);
        assert!(registry.replicas.iter().any(|replica| replica.id == id));
    }
}

/// Sixteen register and confirm, each for itself.
pub async fn many_replicas_at_once_lose_nothing_of_each_other(store: &Store) {
    let progress = store.progress().await;
    let mut begun = HashMap::new();
    for number in 1..=16_u8 {
        store.register(ReplicaId([number; 16])).await;
        begun.insert(ReplicaId([number; 16]), store.renewals(ReplicaId([number; 16])).await);
    }
    let replicas = (1..=16_u8).map(|number| {
        let registry = Arc::clone(&store.registry);
        tokio::spawn(async move {
            let id = ReplicaId([number; 16]);
            registry.register_replica(id, LEASE).await.unwrap();
            for sequence in (1..=20).map(fixtures::sequence) {
                registry.confirm_progress(id, FeedProgress { sequence, ..progress }).await.unwrap();
            }
        })
    });
    for outcome in join_all(replicas.collect::<Vec<_>>()).await {
        outcome.unwrap();
    }
    let replicas = store.registered().await.replicas;
    assert_eq!(replicas.len(), 16);
    let last = FeedProgress { sequence: fixtures::sequence(20), ..progress };
    assert!(replicas.iter().all(|replica| replica.confirmed == Some(last)), "{replicas:?}");
    assert!(replicas.iter().all(|replica| replica.renewals == begun[&replica.id] + 21), "{replicas:?}");
}

/// Or whoever is late, and means the registration before, would remove the new one before its lease has
/// run out.
pub async fn a_replica_that_registers_anew_is_not_taken_for_what_it_was(store: &Store) {
    store.register(ONE).await;
    let before = store.renewals(ONE).await;
    store.retire(ONE).await;
    store.forget(ONE).await;
    store.register(ONE).await;
    assert!(!store.registry.retire_replica(ONE, before).await.unwrap());
    store.retire(ONE).await;
    store.registry.forget_replica(ONE, before).await.unwrap();
    assert!(store.replica(ONE).await.is_some());
}

/// Each time that one is told that it has retired the replica, the replica is told that it is not
/// registered, whoever registers it or forgets it meanwhile.
pub async fn a_replica_that_comes_back_while_it_is_removed_is_there_or_is_told(store: &Store) {
    for _ in 0..20 {
        store.register(ONE).await;
        let known = store.renewals(ONE).await;
        let removers = (0..4).map(|_| {
            let registry = Arc::clone(&store.registry);
            tokio::spawn(async move {
                let retired = registry.retire_replica(ONE, known).await.unwrap();
                registry.forget_replica(ONE, known).await.unwrap();
                retired
            })
        });
        let removers: Vec<_> = removers.collect();
        store.register(ONE).await;
        for remover in join_all(removers).await {
            remover.unwrap();
        }
        // It has registered after it was known, or anew after it was forgotten.
        assert!(store.tells_registered(ONE).await && store.replica(ONE).await.is_some());
    }
}

/// Who gives up may have been heard.
pub async fn a_dropped_registration_or_confirmation_is_whole_or_absent(store: &Store) {
    let progress = FeedProgress { sequence: fixtures::sequence(9), ..store.progress().await };
    for round in 0..40 {
        let id = ReplicaId([u8::try_from(round + 1).unwrap(); 16]);
        drop_after(round * round / 4, store.registry.register_replica(id, LEASE)).await;
        store.register(id).await;
        let renewals = store.renewals(id).await;
        drop_after(round * round / 4, store.registry.confirm_progress(id, progress)).await;
        // One more of its own comes after it.
        let last = FeedProgress { sequence: fixtures::sequence(10), ..progress };
        store.registry.confirm_progress(id, last).await.unwrap();
        let replica = store.replica(id).await.unwrap();
        assert_eq!(replica.lease, LEASE);
        assert!(matches!(replica.confirmed, Some(confirmed) if confirmed == progress || confirmed == last));
        assert!(replica.renewals > renewals);
        assert!(store.tells_registered(id).await);
    }
    assert_eq!(store.registered().await.replicas.len(), 40);
}
