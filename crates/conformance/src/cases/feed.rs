//! The change feed.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use capykeys_domain::{
    model::{
        AuditAction, KeyId, Organization, OrganizationId, OrganizationName, Renaming, Sequence, Suspension,
    },
    ports::{Change, FeedPosition, FeedQuery, Limit, Poll, RevokeKey},
};
use futures_util::future::join_all;

use super::support::{ALL, READER};
use crate::{Store, fixtures};

const WRITERS: usize = 16;
const REVOCATIONS: i64 = 500;

impl Store {
    pub(crate) async fn end_of_feed(&self) -> FeedPosition {
        self.feed.feed_head(READER).await.unwrap().position
    }

    /// One page, which must not have diverged, and whether it was the last.
    async fn page(&self, position: &FeedPosition, limit: u16) -> (Vec<Change>, FeedPosition, bool) {
        let limit = Limit::new(limit).unwrap();
        match self.feed.poll_changes(FeedQuery { reader: READER, after: *position, limit }).await.unwrap() {
            Poll::Changes { changes, position, complete, .. } => (changes, position, complete),
            Poll::Diverged(head) => panic!("{position:?} diverged from {head:?}"),
        }
    }

    /// All that was committed after the position.
    pub(super) async fn changes_after(&self, position: &FeedPosition) -> Vec<Change> {
        let (changes, end, complete) = self.page(position, ALL.get()).await;
        assert!(complete);
        assert_eq!(end, self.end_of_feed().await);
        changes
    }

    async fn diverges(&self, position: &FeedPosition) {
        match self
            .feed
            .poll_changes(FeedQuery { reader: READER, after: *position, limit: ALL })
            .await
            .unwrap()
        {
            Poll::Diverged(head) => assert_eq!(head.position, self.end_of_feed().await),
            changes @ Poll::Changes { .. } => panic!("{position:?}: {changes:?}"),
        }
    }

    async fn revoke(&self, organization: &Organization, id: KeyId) {
        let at = fixtures::at(9_000);
        let organization = organization.id;
        let event = fixtures::event(AuditAction::RevokeKey, at, organization, Some(id));
        let _ = self.keys.revoke_key(RevokeKey { organization, id, at, event }).await.unwrap();
    }

    /// A key that is revoked already.
    pub(crate) async fn revoked_key(&self, organization: &Organization, micros: i64) -> KeyId {
        let id = self.key(organization, micros).await.key.id;
        self.revoke(organization, id).await;
        id
    }

    pub(super) async fn suspend(&self, organization: OrganizationId, suspended: bool) {
        let at = fixtures::at(9_000);
        let suspension = suspended.then_some(Suspension { at, reason: None });
        let set = fixtures::set_suspension(organization, suspension, at);
        let _ = self.organizations.set_suspension(set).await.unwrap();
    }
}

/// Each as it can change a verdict, of whichever organization.
pub async fn every_change_is_told_once_and_in_its_order(store: &Store) {
    let (organization, other) = (store.organization().await, store.organization().await);
    let start = store.end_of_feed().await;
    let first = store.revoked_key(&organization, 1).await;
    let second = store.revoked_key(&other, 2).await;
    store.suspend(other.id, true).await;
    let third = store.revoked_key(&organization, 3).await;
    store.suspend(other.id, false).await;
    let expected = [
        Change::Key(first),
        Change::Key(second),
        Change::Organization(other.id),
        Change::Key(third),
        Change::Organization(other.id),
    ];
    assert_eq!(store.changes_after(&start).await, expected);
    let end = store.end_of_feed().await;
    assert_eq!(end.sequence.since(start.sequence), 5, "the numbers have no gaps");
    assert_eq!(store.changes_after(&end).await, []);
}

/// What is new cannot have been in a cache, and what stays as it is need not leave one.
pub async fn what_changes_no_verdict_is_not_told(store: &Store) {
    let organization = store.organization().await;
    let key = store.revoked_key(&organization, 1).await;
    store.suspend(organization.id, true).await;
    let start = store.end_of_feed().await;

    store.revoke(&organization, key).await;
    store.revoke(&organization, KeyId::new(fixtures::at(2), [9; 8])).await;
    store.suspend(organization.id, true).await;
    let other = store.organization().await;
    store.revoke(&other, key).await;
    store.key(&other, 3).await;
    store.suspend(other.id, false).await;
    let renaming = Renaming { name: OrganizationName::parse("new").ok(), ..Renaming::default() };
    let rename = fixtures::rename(other.id, renaming, fixtures::at(5));
    store.organizations.rename_organization(rename).await.unwrap().unwrap();
    store.suspend(OrganizationId::new(fixtures::at(4), [9; 8]), true).await;
    assert_eq!(store.changes_after(&start).await, []);
}

/// A reader drops all that it knows of the organization.
pub async fn a_suspension_is_one_event_however_many_the_keys(store: &Store) {
    let organization = store.organization().await;
    for micros in 0..50 {
        store.key(&organization, micros).await;
    }
    let start = store.end_of_feed().await;
    store.suspend(organization.id, true).await;
    assert_eq!(store.changes_after(&start).await, [Change::Organization(organization.id)]);
}

/// A page that is full to the limit is the last one where nothing follows it.
pub async fn pages_are_complete_and_say_when_they_end(store: &Store) {
    let organization = store.organization().await;
    let start = store.end_of_feed().await;
    let mut expected = Vec::new();
    for micros in 0..6 {
        expected.push(Change::Key(store.revoked_key(&organization, micros).await));
    }
    for (limit, sizes) in [(1, vec![1; 6]), (3, vec![3, 3]), (4, vec![4, 2]), (6, vec![6]), (7, vec![6])] {
        let (mut read, mut position) = (Vec::new(), start);
        for (number, size) in (1..).zip(&sizes) {
            let (changes, next, complete) = store.page(&position, limit).await;
            assert_eq!((changes.len(), complete), (*size, number == sizes.len()), "{limit}, page {number}");
            read.extend(changes);
            position = next;
        }
        assert_eq!(read, expected);
        assert_eq!(position, store.end_of_feed().await);
    }
}

/// A reader whose poll was lost on its way asks again.
pub async fn what_was_told_once_is_told_again_from_the_same_position(store: &Store) {
    let organization = store.organization().await;
    store.revoked_key(&organization, 1).await;
    let start = store.end_of_feed().await;
    store.revoked_key(&organization, 2).await;
    let (first, position, _) = store.page(&start, 10).await;
    assert_eq!(store.page(&start, 10).await, (first.clone(), position, true));
    store.revoked_key(&organization, 3).await;
    assert_eq!(store.page(&start, 1).await, (first, position, false));
}

/// Another store, or this one restored to an older state, counts to the same numbers.
pub async fn a_position_with_another_mark_diverges(store: &Store) {
    let organization = store.organization().await;
    let mut positions = vec![store.end_of_feed().await];
    for micros in 0..3 {
        store.revoked_key(&organization, micros).await;
        positions.push(store.end_of_feed().await);
    }
    let marks: HashSet<[u8; 16]> = positions.iter().map(|position| position.mark).collect();
    assert_eq!(marks.len(), positions.len(), "every event has a mark of its own");
    for position in positions {
        let mut mark = position.mark;
        mark[15] ^= 1;
        store.diverges(&FeedPosition { mark, ..position }).await;
        store.page(&position, 1).await;
    }
}

/// Nothing that a store counts, and not the time: another one would come to the same. Of so many random ones, each bit is
/// set in some and not in others, but for the six by which a random UUID is known (RFC 9562).
pub async fn marks_are_random(store: &Store) {
    let organization = store.organization().await;
    let (mut set, mut unset) = (0, 0);
    for round in 0..130 {
        let mark = u128::from_be_bytes(store.end_of_feed().await.mark);
        set |= mark;
        unset |= !mark;
        store.suspend(organization.id, round % 2 == 0).await;
    }
    assert!((set & unset).count_ones() >= 122, "bits of a mark that never change are not random");
}

/// This store before it lost what it had committed: the events that it still has are the same.
pub async fn a_position_of_another_history_diverges(store: &Store) {
    let organization = store.organization().await;
    let mut positions = vec![store.end_of_feed().await];
    for micros in 0..3 {
        store.revoked_key(&organization, micros).await;
        positions.push(store.page(&positions[0], 10).await.1);
    }
    let epochs: HashSet<[u8; 16]> = positions.iter().map(|position| position.epoch).collect();
    assert_eq!(epochs.len(), 1, "a change begins no other epoch");
    for position in positions {
        let mut epoch = position.epoch;
        epoch[15] ^= 1;
        store.diverges(&FeedPosition { epoch, ..position }).await;
        store.page(&position, 1).await;
    }
}

/// A number that was not reached yet, or never will be.
pub async fn a_position_that_does_not_exist_diverges(store: &Store) {
    let organization = store.organization().await;
    store.revoked_key(&organization, 1).await;
    let end = store.end_of_feed().await;
    let (end_at, last) = (end.sequence.get(), Sequence::MAX.get());
    for sequence in [end_at + 1, end_at + 1_000, last, end_at - 1].map(fixtures::sequence) {
        store.diverges(&FeedPosition { sequence, ..end }).await;
    }
}

/// Sixteen write at once and one reads: it misses nothing that was acknowledged before it asked.
pub async fn what_was_committed_before_a_poll_is_in_it(store: &Store) {
    let organization = store.organization().await;
    let mut keys = Vec::new();
    for micros in 0..REVOCATIONS {
        keys.push(store.key(&organization, micros).await.key);
    }
    let mut position = store.end_of_feed().await;
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let writers = keys.chunks(keys.len().div_ceil(WRITERS)).map(|share| {
        let (port, share, acknowledged) =
            (Arc::clone(&store.keys), share.to_vec(), Arc::clone(&acknowledged));
        tokio::spawn(async move {
            for key in share {
                let at = fixtures::at(9_000);
                let _ = port.revoke_key(fixtures::revoke(&key, at)).await.unwrap().unwrap();
                acknowledged.lock().unwrap().push(Change::Key(key.id));
            }
        })
    });
    let writers = tokio::spawn(join_all(writers.collect::<Vec<_>>()));

    let mut told = Vec::new();
    loop {
        let last = writers.is_finished();
        let expected = acknowledged.lock().unwrap().clone();
        let (changes, next, complete) = store.page(&position, 100).await;
        told.extend(changes);
        position = next;
        if complete {
            let known: HashSet<&Change> = told.iter().collect();
            assert!(expected.iter().all(|change| known.contains(change)), "a revocation was missed");
            if last {
                break;
            }
        }
    }
    for outcome in writers.await.unwrap() {
        outcome.unwrap();
    }
    assert_eq!(told.len(), keys.len(), "each is told once");
    assert_eq!(
        told.into_iter().collect::<HashSet<_>>(),
        keys.iter().map(|key| Change::Key(key.id)).collect()
    );
}
