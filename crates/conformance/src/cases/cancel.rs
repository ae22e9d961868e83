//! Requests that are dropped in the middle.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
};

use super::deeds::{Deed, Subject, changes};
use crate::Store;

/// Polls `future` up to `polls` times, letting the store's own threads run in between, and drops
/// it wherever it is then.
pub(super) async fn drop_after<F: Future>(polls: usize, future: F) {
    let mut future = pin!(future);
    for _ in 0..polls {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// The future that does it is dropped, each time a little later: then it was done with all of its sides, or not at
/// all. What was dropped may still be under way, so it is looked at until nothing moves in between.
async fn is_whole_when_dropped(store: &Store, deed: Deed) {
    let mut subjects = Vec::new();
    for _ in 0..40 {
        subjects.push(Subject::new(store, deed).await);
    }
    let start = store.end_of_feed().await;
    for (round, subject) in subjects.iter().enumerate() {
        // Up to some thousand polls, for a commit takes its time.
        drop_after(round * round * round / 4, subject.act(store)).await;
    }
    // What is written now comes after it, where the store writes one after the other.
    store.organization().await;
    for subject in &subjects {
        let (done, logged, told) = loop {
            let before = subject.is_done(store).await;
            let logged = subject.is_logged(store).await;
            let told = changes(store, start).await.0.into_iter().any(|one| Some(one) == subject.change());
            if subject.is_done(store).await == before {
                break (before, logged, told);
            }
        };
        assert_eq!(logged, done && subject.action().is_some(), "a change and its event are there together");
        assert_eq!(told, done && subject.change().is_some(), "a change is told if and only if it was made");
    }
}

/// The key and its event are both there or both not, and the store goes on.
pub async fn a_dropped_insert_is_whole_or_absent(store: &Store) {
    is_whole_when_dropped(store, Deed::Create).await;
}

/// The key is revoked, its event there and the feed told, or nothing of it.
pub async fn a_dropped_revocation_is_whole_or_absent(store: &Store) {
    is_whole_when_dropped(store, Deed::Revoke).await;
}

/// Likewise.
pub async fn a_dropped_revocation_of_many_is_whole_or_absent(store: &Store) {
    is_whole_when_dropped(store, Deed::RevokeMany).await;
}

/// It is under the one digest, or the feed has told that it is under the other.
pub async fn a_dropped_rehash_is_whole_or_absent(store: &Store) {
    is_whole_when_dropped(store, Deed::Rehash).await;
}

/// With its event, and told.
pub async fn a_dropped_suspension_is_whole_or_absent(store: &Store) {
    is_whole_when_dropped(store, Deed::Suspend).await;
}

/// With its event.
pub async fn a_dropped_renaming_is_whole_or_absent(store: &Store) {
    is_whole_when_dropped(store, Deed::Rename).await;
}

/// And the event in it.
pub async fn a_dropped_disabling_is_whole_or_absent(store: &Store) {
    is_whole_when_dropped(store, Deed::Disable).await;
}

/// With its event, and told.
pub async fn a_dropped_rotation_is_whole_or_absent(store: &Store) {
    is_whole_when_dropped(store, Deed::Rotate).await;
}
