//! What others see of a change while it is made: all of it or nothing. Whoever sees one side of it sees the others
//! from then on.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use capykeys_domain::ports::{EventPosition, FeedPosition, Followed, Limit};
use futures_util::future::join_all;
use tokio::task::yield_now;

use super::deeds::{Deed, Subject, changes};
use crate::Store;

/// How many changes are made while others look.
const CHANGES: usize = 120;
/// How many things are made at once: a store that commits each alone has to keep its deadline.
const AT_ONCE: usize = 8;
/// How many look at the same time, from each side.
const WATCHERS: usize = 2;
/// How often a store may have to be asked for what is committed.
const TRIES: usize = 200;

/// Everything that a case is about.
struct Scene {
    subjects: Vec<Subject>,
    feed: FeedPosition,
    log: EventPosition,
    is_over: AtomicBool,
}

/// Does it to one after the other, while some read what is told, some read the log, and some the things themselves.
async fn is_seen_as_a_whole(store: &Store, deed: Deed) {
    let mut subjects = Vec::new();
    for _ in 0..CHANGES / AT_ONCE {
        subjects.extend(join_all((0..AT_ONCE).map(|_| Subject::new(store, deed))).await);
    }
    let (feed, log) = (store.end_of_feed().await, store.end_of_log().await);
    let scene = Arc::new(Scene { subjects, feed, log, is_over: AtomicBool::new(false) });
    let mut watchers = Vec::new();
    for _ in 0..WATCHERS {
        let (handle, own) = (store.clone(), Arc::clone(&scene));
        watchers.push(tokio::spawn(async move { own.watch_feed(&handle).await }));
        let (handle, own) = (store.clone(), Arc::clone(&scene));
        watchers.push(tokio::spawn(async move { own.watch_log(&handle).await }));
        let (handle, own) = (store.clone(), Arc::clone(&scene));
        watchers.push(tokio::spawn(async move { own.watch_things(&handle).await }));
    }
    for subject in &scene.subjects {
        subject.act(store).await.unwrap();
        // Others have their turn, however the store does its work.
        yield_now().await;
    }
    scene.is_over.store(true, Ordering::SeqCst);
    for watcher in watchers {
        if let Err(failed) = watcher.await {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
}

impl Scene {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// As a cache does: it forgets what it is told of, reads it again, and keeps that.
    async fn watch_feed(&self, store: &Store) {
        let (mut after, mut told) = (self.feed, HashSet::new());
        loop {
            let was_over = self.is_over();
            let (changes, position) = changes(store, after).await;
            for change in changes {
                let subject = self.subjects.iter().find(|one| one.change() == Some(change));
                let subject = subject.unwrap_or_else(|| panic!("nobody has done this: {change:?}"));
                assert!(subject.is_done(store).await, "a change is told before it can be seen");
                told.insert(change);
            }
            after = position;
            if was_over {
                break;
            }
            yield_now().await;
        }
        assert_eq!(told.len(), self.subjects.iter().filter_map(Subject::change).count(), "each is told");
    }

    async fn watch_log(&self, store: &Store) {
        let (mut after, mut seen, mut tries) = (self.log, 0, 0);
        let expected = self.subjects.iter().filter_map(Subject::action).count();
        while seen < expected && tries < TRIES {
            tries += usize::from(self.is_over());
            let followed = store.events.follow_events(Some(after), Limit::MAX).await.unwrap();
            let Followed::Events { events, position, .. } = followed else { panic!("{followed:?}") };
            for record in &events {
                let subject = self.subjects.iter().find(|one| one.is_in(record));
                let subject = subject.unwrap_or_else(|| panic!("nobody has done this: {record:?}"));
                assert!(subject.is_done(store).await, "an event is there before what it tells of");
            }
            seen += events.len();
            after = position;
            yield_now().await;
        }
        assert_eq!(seen, expected, "each event is told once");
    }

    async fn watch_things(&self, store: &Store) {
        let (mut after, mut told) = (self.feed, HashSet::new());
        for subject in &self.subjects {
            loop {
                let was_over = self.is_over();
                if subject.is_done(store).await {
                    break;
                }
                assert!(!was_over, "it was acknowledged and cannot be seen");
                yield_now().await;
            }
            assert!(
                subject.action().is_none() || subject.is_logged(store).await,
                "a change can be seen before its event is there"
            );
            let (changes, position) = changes(store, after).await;
            told.extend(changes);
            after = position;
            let is_told = subject.change().is_none_or(|change| told.contains(&change));
            assert!(is_told, "a change can be seen before it is told");
        }
    }
}

/// By whoever looks at it, from whichever side.
pub async fn a_creation_is_seen_as_a_whole(store: &Store) {
    is_seen_as_a_whole(store, Deed::Create).await;
}

/// Or a cache forgets the key too early, reads it as good, and keeps it: or it is not told at all.
pub async fn a_revocation_is_seen_as_a_whole(store: &Store) {
    is_seen_as_a_whole(store, Deed::Revoke).await;
}

/// A key that was moved is not found under its old digest any more.
pub async fn a_rehash_is_seen_as_a_whole(store: &Store) {
    is_seen_as_a_whole(store, Deed::Rehash).await;
}

/// As a revocation of all its keys.
pub async fn a_suspension_is_seen_as_a_whole(store: &Store) {
    is_seen_as_a_whole(store, Deed::Suspend).await;
}

/// No cache is told of it.
pub async fn a_renaming_is_seen_as_a_whole(store: &Store) {
    is_seen_as_a_whole(store, Deed::Rename).await;
}

/// And the event in it.
pub async fn a_disabling_is_seen_as_a_whole(store: &Store) {
    is_seen_as_a_whole(store, Deed::Disable).await;
}

/// Each of them alone here, by the statement that is of many.
pub async fn a_revocation_of_many_is_seen_as_a_whole(store: &Store) {
    is_seen_as_a_whole(store, Deed::RevokeMany).await;
}

/// Or a cache goes on to take the old secret for the present one.
pub async fn a_rotation_is_seen_as_a_whole(store: &Store) {
    is_seen_as_a_whole(store, Deed::Rotate).await;
}
