//! Which peppers the keys need, and who has them.

use std::{collections::HashSet, sync::Arc, time::Duration};

use capykeys_domain::{
    model::KeyId,
    ports::{Change, FeedPosition, FoundKey, NewKey, PepperUse, Rehash, ReplicaId},
    secret::{KeyDigest, PepperCheck, PepperId, RecordedPepper},
};
use futures_util::future::join_all;

use crate::{Store, fixtures};

const LEASE: Duration = Duration::from_millis(500);
const ONE: ReplicaId = ReplicaId([1; 16]);
const OTHER: ReplicaId = ReplicaId([2; 16]);

fn id(name: &str) -> PepperId {
    PepperId::parse(name).unwrap()
}

fn check(name: &str, value: u8) -> PepperCheck {
    PepperCheck { id: id(name), value: [value; 32] }
}

/// A digest of `new` under another pepper, of bytes that no other key has.
fn moved(new: &NewKey, pepper: &str) -> KeyDigest {
    let mut bytes = *new.digest.as_bytes();
    bytes[31] ^= 0xff;
    KeyDigest::from_stored(id(pepper), bytes)
}

fn rehash(new: &NewKey, from: &KeyDigest, to: &KeyDigest) -> Rehash {
    Rehash { key: new.key.id, from: from.clone(), to: to.clone() }
}

impl Store {
    /// What is recorded once the replica has said what it has, in the order of the ids.
    async fn announce(&self, replica: ReplicaId, peppers: &[PepperCheck]) -> Vec<RecordedPepper> {
        let mut recorded = self.peppers.announce_peppers(replica, peppers.to_vec()).await.unwrap();
        recorded.sort_by(|a, b| a.check.id.cmp(&b.check.id));
        recorded
    }

    async fn take_turn(&self, replica: ReplicaId, pepper: &str) -> bool {
        self.peppers.take_turn(replica, id(pepper)).await.unwrap()
    }

    /// The turns of the recorded peppers, in the order of their ids.
    async fn turns(&self) -> Vec<Option<i64>> {
        self.announce(ONE, &[]).await.into_iter().map(|recorded| recorded.turn).collect()
    }

    async fn under(&self, digest: &KeyDigest) -> Option<FoundKey> {
        self.lookup.find_key_by_digest(std::slice::from_ref(digest)).await.unwrap()
    }

    async fn changed_keys(&self, after: &FeedPosition) -> Vec<KeyId> {
        let changes = self.changes_after(after).await;
        let key = |change| match change {
            Change::Key(key) => key,
            Change::Organization(_) | Change::Brought(_) => panic!("{change:?}"),
        };
        changes.into_iter().map(key).collect()
    }
}

/// Whoever announces another value is shown the one that was first, and so sees that its own is wrong.
pub async fn a_pepper_is_recorded_once_and_never_changes(store: &Store) {
    let recorded = |value| RecordedPepper { check: value, turn: None };
    let first = store.announce(ONE, &[check("1", 1), check("2", 2)]).await;
    assert_eq!(first, [check("1", 1), check("2", 2)].map(recorded));
    let again = store.announce(OTHER, &[check("2", 9), check("3", 3)]).await;
    assert_eq!(again, [check("1", 1), check("2", 2), check("3", 3)].map(recorded));
    assert_eq!(store.announce(ONE, &[]).await, again);
}

/// One value is kept, whoever was first, and all are shown that one in the end.
pub async fn of_many_announcements_of_a_pepper_at_once_one_is_recorded(store: &Store) {
    let announcements = (1..=16_u8).map(|value| {
        let peppers = Arc::clone(&store.peppers);
        tokio::spawn(async move {
            peppers.announce_peppers(ReplicaId([value; 16]), vec![check("1", value)]).await
        })
    });
    for outcome in join_all(announcements.collect::<Vec<_>>()).await {
        outcome.unwrap().unwrap();
    }
    let recorded = store.announce(ONE, &[check("1", 99)]).await;
    assert_eq!(recorded.len(), 1);
    assert!((1..=16).contains(&recorded[0].check.value[0]), "{recorded:?}");
    assert_eq!(store.announce(OTHER, &[check("1", 98)]).await, recorded);
}

/// Retired ones too, for they may have a lease; and one that says less than before has no more than that.
pub async fn a_pepper_has_its_turn_when_every_other_replica_has_it(store: &Store) {
    store.announce(ONE, &[check("1", 1), check("2", 2)]).await;
    assert!(store.take_turn(ONE, "1").await, "nobody is registered");
    store.registry.register_replica(OTHER, LEASE).await.unwrap();
    assert!(!store.take_turn(ONE, "2").await, "it has said nothing yet");
    assert!(store.take_turn(OTHER, "2").await, "there is no other than itself");

    store.announce(OTHER, &[check("1", 1), check("2", 2)]).await;
    assert!(store.take_turn(ONE, "1").await && store.take_turn(ONE, "2").await);
    store.announce(OTHER, &[check("2", 2)]).await;
    assert!(!store.take_turn(ONE, "1").await && store.take_turn(ONE, "2").await);

    let renewals = store.registry.read_registry().await.unwrap().replicas[0].renewals;
    assert!(store.registry.retire_replica(OTHER, renewals).await.unwrap());
    assert!(!store.take_turn(ONE, "1").await, "it is retired and not forgotten");
    store.registry.forget_replica(OTHER, renewals).await.unwrap();
    assert!(store.take_turn(ONE, "1").await);
    store.registry.register_replica(OTHER, LEASE).await.unwrap();
    assert!(!store.take_turn(ONE, "2").await, "what it had said is forgotten with it");
}

/// What a replica says before it registers is no claim of it; what it records is recorded all the same.
pub async fn only_a_registered_replica_is_noted_to_have_peppers(store: &Store) {
    store.announce(OTHER, &[check("1", 1)]).await;
    store.registry.register_replica(OTHER, LEASE).await.unwrap();
    assert!(!store.take_turn(ONE, "1").await);
    store.announce(OTHER, &[check("1", 1)]).await;
    assert!(store.take_turn(ONE, "1").await);
    store.registry.register_replica(OTHER, LEASE).await.unwrap();
    assert!(store.take_turn(ONE, "1").await, "to renew takes nothing back");
}

/// Also where it had one before; and what is not recorded gets none.
pub async fn the_last_turn_is_the_highest(store: &Store) {
    store.announce(ONE, &[check("1", 1), check("2", 2), check("3", 3)]).await;
    assert_eq!(store.turns().await, [None, None, None]);
    for (pepper, place) in [("2", 1), ("1", 0), ("2", 1)] {
        assert!(store.take_turn(ONE, pepper).await);
        let turns = store.turns().await;
        assert_eq!(turns.iter().max(), Some(&turns[place]), "{turns:?}");
        assert_eq!(turns.iter().filter(|turn| **turn == turns[place]).count(), 1, "{turns:?}");
    }
    assert!(!store.take_turn(ONE, "4").await);
    assert_eq!(store.turns().await[2], None);
}

/// Those that are after the same one are not turned away.
pub async fn of_many_turns_at_once_each_is_given(store: &Store) {
    let names: Vec<_> = (1..=16_u8).map(|number| number.to_string()).collect();
    let checks: Vec<_> = names.iter().zip(1..).map(|(name, value)| check(name, value)).collect();
    store.announce(ONE, &checks).await;
    let turns = names.iter().map(|name| {
        let (peppers, pepper) = (Arc::clone(&store.peppers), id(name));
        tokio::spawn(async move { peppers.take_turn(ONE, pepper).await.unwrap() })
    });
    for given in join_all(turns.collect::<Vec<_>>()).await {
        assert!(given.unwrap());
    }
    let turns: HashSet<_> = store.turns().await.into_iter().flatten().collect();
    assert_eq!(turns.len(), names.len());
}

/// Of every organization; a key counts no more from the moment that its end names.
pub async fn keys_are_counted_by_pepper_while_they_are_good(store: &Store) {
    let (organization, other) = (store.organization().await, store.organization().await);
    assert_eq!(store.peppers.count_pepper_uses(fixtures::at(0)).await.unwrap(), []);
    for (micros, pepper, expires) in
        [(1, "1", None), (2, "old", None), (3, "1", Some(50)), (4, "1", Some(100)), (5, "gone", Some(50))]
    {
        let mut new =
            fixtures::key([&organization, &other][usize::from(micros % 2 == 0)].id, fixtures::at(micros));
        new.digest = KeyDigest::from_stored(id(pepper), *new.digest.as_bytes());
        new.key.expires_at = expires.map(fixtures::at);
        store.add_key(&new).await;
    }
    store.revoked_key(&organization, 6).await;
    store.suspend(other.id, true).await;
    let counted = async |micros| {
        let mut counted = store.peppers.count_pepper_uses(fixtures::at(micros)).await.unwrap();
        counted.sort_by(|a, b| a.id.cmp(&b.id));
        counted
    };
    let count = |name, active_keys| PepperUse { id: id(name), active_keys };
    assert_eq!(counted(49).await, [count("1", 3), count("gone", 1), count("old", 1)]);
    assert_eq!(counted(50).await, [count("1", 2), count("old", 1)]);
    assert_eq!(counted(100).await, [count("1", 1), count("old", 1)]);
}

/// Nothing else of it changes, and a cache hears of it.
pub async fn a_rehashed_key_is_found_under_its_new_digest_alone(store: &Store) {
    let organization = store.organization().await;
    let (one, other) = (store.key(&organization, 1).await, store.key(&organization, 2).await);
    let (start, events) = (store.end_of_feed().await, store.events(organization.id).await);
    let to = moved(&one, "2");
    store.peppers.rehash_keys(vec![rehash(&one, &one.digest, &to)]).await.unwrap();
    let found = store.under(&to).await.unwrap();
    assert_eq!((found.digest, found.key, found.organization), (to, one.key.clone(), organization.clone()));
    assert_eq!(store.under(&one.digest).await, None);
    assert_eq!(store.under(&other.digest).await.unwrap().key, other.key);
    assert_eq!(store.changed_keys(&start).await, [one.key.id]);
    assert_eq!(store.events(organization.id).await, events);
}

/// Each for itself: those beside it are moved. To ask again for what was done does nothing.
pub async fn a_key_that_is_not_as_it_was_or_is_revoked_is_not_rehashed(store: &Store) {
    let organization = store.organization().await;
    let (one, moved_before) = (store.key(&organization, 1).await, store.key(&organization, 2).await);
    let revoked = store.key(&organization, 3).await;
    let _ = store.keys.revoke_key(fixtures::revoke(&revoked.key, fixtures::at(9))).await.unwrap();
    let absent = fixtures::key(organization.id, fixtures::at(4));
    let (first, second) = (moved(&moved_before, "2"), moved(&one, "3"));
    let before = [rehash(&moved_before, &moved_before.digest, &first)];
    store.peppers.rehash_keys(before.to_vec()).await.unwrap();

    let start = store.end_of_feed().await;
    let stale = KeyDigest::from_stored(id("3"), [0x77; 32]);
    let keys = [
        rehash(&moved_before, &moved_before.digest, &stale),
        rehash(&revoked, &revoked.digest, &moved(&revoked, "2")),
        rehash(&absent, &absent.digest, &moved(&absent, "2")),
        rehash(&one, &one.digest, &second),
    ];
    for _ in 0..2 {
        store.peppers.rehash_keys(keys.to_vec()).await.unwrap();
        store.peppers.rehash_keys(before.to_vec()).await.unwrap();
    }
    assert_eq!(store.changed_keys(&start).await, [one.key.id]);
    assert_eq!(store.under(&second).await.unwrap().key, one.key);
    assert_eq!(store.under(&first).await.unwrap().key, moved_before.key);
    assert_eq!(store.under(&stale).await, None);
    assert!(store.under(&revoked.digest).await.unwrap().key.revoked_at.is_some());
    store.peppers.rehash_keys(Vec::new()).await.unwrap();
}

/// The revocation is never undone, and the key is under one of its digests.
pub async fn of_a_rehash_and_a_revocation_at_once_the_revocation_stays(store: &Store) {
    let organization = store.organization().await;
    for micros in 0..20 {
        let new = store.key(&organization, micros).await;
        let to = moved(&new, "2");
        let (peppers, keys) = (Arc::clone(&store.peppers), [rehash(&new, &new.digest, &to)]);
        let rehashing = tokio::spawn(async move { peppers.rehash_keys(keys.to_vec()).await });
        let revoked = store.keys.revoke_key(fixtures::revoke(&new.key, fixtures::at(9_000))).await;
        rehashing.await.unwrap().unwrap();
        assert!(revoked.unwrap().unwrap().newly);
        let found = store.lookup.find_key_by_digest(&[new.digest, to]).await.unwrap().unwrap();
        assert_eq!(found.key.revoked_at, Some(fixtures::at(9_000)));
    }
}
