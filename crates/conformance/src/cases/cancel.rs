//! Requests that are dropped in the middle.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
};

use capykeys_domain::model::{ApiKey, AuditAction};

use crate::{Store, fixtures};

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

/// The key and its event are both there or both not, and the store goes on.
pub async fn a_dropped_insert_is_whole_or_absent(store: &Store) {
    let organization = store.organization().await;
    let mut dropped = Vec::new();
    for round in 0..40 {
        let new = fixtures::key(organization.id, fixtures::at(i64::try_from(round).unwrap()));
        drop_after(round * round / 4, store.keys.insert_key(new.clone(), fixtures::created(&new))).await;
        dropped.push(new);
    }
    let last = store.key(&organization, 10_000).await;
    assert!(store.listed(organization.id).await.contains(&last.key));
    for new in dropped {
        let (there, events) = settled(store, &new.key, AuditAction::CreateKey, |key| key.is_some()).await;
        assert_eq!(events, usize::from(there));
    }
}

/// The key is revoked and its event there, or neither.
pub async fn a_dropped_revocation_is_whole_or_absent(store: &Store) {
    let organization = store.organization().await;
    let mut dropped = Vec::new();
    for round in 0..40 {
        let new = store.key(&organization, i64::try_from(round).unwrap()).await;
        let at = fixtures::at(5_000);
        drop_after(round * round / 4, store.keys.revoke_key(fixtures::revoke(&new.key, at))).await;
        dropped.push(new);
    }
    for new in dropped {
        let revoked = |key: Option<ApiKey>| key.is_some_and(|key| key.revoked_at.is_some());
        let (there, events) = settled(store, &new.key, AuditAction::RevokeKey, revoked).await;
        assert_eq!(events, usize::from(there));
    }
}

/// Whether the change is there, and how many of its events: read until nothing moves in between,
/// for a write that was dropped may still be under way.
async fn settled(
    store: &Store,
    key: &ApiKey,
    action: AuditAction,
    done: fn(Option<ApiKey>) -> bool,
) -> (bool, usize) {
    let find = || async { done(store.keys.find_key(key.organization_id, key.id).await.unwrap()) };
    loop {
        let before = find().await;
        let events = store.count_events(key, &action).await;
        if find().await == before {
            return (before, events);
        }
    }
}
