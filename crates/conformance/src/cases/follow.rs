//! Readers that follow the audit log.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use capykeys_domain::{
    model::{AuditAction, AuditRecord, Sequence},
    ports::{AuditLog, EventLag, EventLog, EventPosition, Followed, Insertion, KeyStore, Limit},
};
use futures_util::future::join_all;

use super::support::ALL;
use crate::{Store, fixtures};

const WRITERS: u32 = 16;
const EACH: i64 = 8;
/// How often a store may have to be asked before it passes numbers that nothing has.
const TRIES: usize = 200;

/// Whatever is written at once, by whoever, and however the readers' pages are cut.
pub async fn every_reader_is_told_every_event_once_and_in_one_order(store: &Store) {
    let organization = store.organization().await;
    let writers = (0..WRITERS).map(|writer| {
        let (keys, audit, id) = (Arc::clone(&store.keys), Arc::clone(&store.audit), organization.id);
        tokio::spawn(async move { write(keys, audit, id, writer % 2 == 0).await })
    });
    let writers = tokio::spawn(join_all(writers.collect::<Vec<_>>()));
    let expected = 1 + usize::try_from(WRITERS).unwrap() * usize::try_from(2 * EACH).unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let readers = [1, 7, 100].map(|limit| {
        let (events, is_over) = (Arc::clone(&store.events), Arc::clone(&is_over));
        tokio::spawn(async move { read(events, Limit::new(limit).unwrap(), expected, is_over).await })
    });
    assert!(writers.await.unwrap().iter().all(Result::is_ok));
    is_over.store(true, Ordering::SeqCst);
    let stored = store.events(organization.id).await;
    assert_eq!(stored.len(), expected);
    assert!(stored.is_sorted_by(|a, b| a.sequence < b.sequence));
    for reader in readers {
        assert!(reader.await.unwrap() == stored, "a reader was told something else");
    }
}

/// Of every two events one with a key and one without.
async fn write(
    keys: Arc<dyn KeyStore>,
    audit: Arc<dyn AuditLog>,
    organization: capykeys_domain::model::OrganizationId,
    twice: bool,
) {
    for micros in 0..EACH {
        let new = fixtures::key(organization, fixtures::at(micros));
        assert_eq!(keys.insert_key(new.clone(), fixtures::created(&new)).await.unwrap(), Insertion::Inserted);
        if twice {
            // Refused, and no event.
            assert_eq!(
                keys.insert_key(new.clone(), fixtures::created(&new)).await.unwrap(),
                Insertion::Duplicate
            );
        }
        let event = fixtures::event(AuditAction::ListKeys, fixtures::at(micros), organization, None);
        audit.append_event(event.clone()).await.unwrap();
    }
}

/// All that is expected, or what there is a while after the last was written.
async fn read(
    events: Arc<dyn EventLog>,
    limit: Limit,
    expected: usize,
    is_over: Arc<AtomicBool>,
) -> Vec<AuditRecord> {
    let (mut read, mut place, mut tries) = (Vec::new(), None, 0);
    while read.len() < expected && tries < expected + TRIES {
        tries += usize::from(is_over.load(Ordering::SeqCst));
        match events.follow_events(place, limit).await.unwrap() {
            Followed::Events { events, position, expired, .. } => {
                assert!(!expired && events.len() <= usize::from(limit.get()));
                assert_eq!(events.last().map_or(position.sequence, |last| last.sequence), position.sequence);
                read.extend(events);
                place = Some(position);
            }
            Followed::Diverged(position) => panic!("diverged: {position:?}"),
        }
    }
    read
}

/// In numbers, and since when.
pub async fn a_reader_goes_on_where_it_was_and_learns_how_far_it_is_behind(store: &Store) {
    let (events, start, expired, lag) = store.followed(None, 10).await;
    assert_eq!((events.len(), start.sequence, expired), (0, Sequence::START, false));
    assert_eq!(lag, EventLag { numbers: 0, oldest: None });

    let organization = store.organization().await;
    for micros in 1..=4 {
        store.key(&organization, micros).await;
    }
    let stored = store.events(organization.id).await;
    let (events, position, _, lag) = store.followed(Some(start), 2).await;
    assert_eq!(events, stored[..2]);
    assert_eq!(position, EventPosition { sequence: stored[1].sequence, ..start });
    let numbers = stored[4].sequence.since(stored[1].sequence);
    assert_eq!(lag, EventLag { numbers, oldest: Some(fixtures::at(2)) });

    let (events, end, _, lag) = store.followed(Some(position), 10).await;
    assert_eq!((&events[..], lag), (&stored[2..], EventLag { numbers: 0, oldest: None }));
    assert_eq!(store.followed(Some(position), 10).await.0, stored[2..], "as often as it asks");
    assert_eq!(store.followed(Some(end), 10).await.1, end);
}

/// Those that are left it is told all the same.
pub async fn a_reader_is_told_that_events_were_taken_out_before_it_read_them(store: &Store) {
    let organization = store.organization().await;
    for micros in 1..=5 {
        store.key(&organization, micros).await;
    }
    let stored = store.events(organization.id).await;
    let (_, early, ..) = store.followed(None, 2).await;
    let (_, late, ..) = store.followed(Some(early), 2).await;
    let four = Limit::new(4).unwrap();
    assert_eq!(store.audit.expire_events(fixtures::at(1_000), four).await.unwrap(), 4);

    for (after, missed) in [(None, true), (Some(early), true), (Some(late), false)] {
        let (events, _, expired, _) = store.followed(after, 10).await;
        assert_eq!((&events[..], expired), (&stored[4..], missed), "{after:?}");
    }
    // A log in which nothing is left is no other log.
    assert_eq!(store.audit.expire_events(fixtures::at(1_000), ALL).await.unwrap(), 2);
    let (events, position, expired, lag) = store.followed(Some(late), 10).await;
    assert_eq!((events.len(), position, expired, lag.numbers), (0, late, true, 0));
    store.key(&organization, 9).await;
    assert_eq!(store.followed(Some(late), 10).await.0.len(), 1);
}

/// From where it misses nothing.
pub async fn a_reader_of_another_history_is_told_where_to_go_on(store: &Store) {
    let organization = store.organization().await;
    let (events, position, ..) = store.followed(None, 10).await;
    assert_eq!(events.len(), 1);
    let elsewhere = EventPosition { epoch: [0xee; 16], ..position };
    let further = EventPosition { sequence: fixtures::sequence(position.sequence.get() + 1_000), ..position };
    for unknown in [elsewhere, further] {
        let told = store.events.follow_events(Some(unknown), ALL).await.unwrap();
        let Followed::Diverged(place) = told else { panic!("{unknown:?}: {told:?}") };
        assert_eq!(place, EventPosition { sequence: Sequence::START, ..position });
        assert_eq!(store.followed(Some(place), 10).await.0, store.events(organization.id).await);
    }
}
