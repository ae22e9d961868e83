//! Revoking keys.

use std::sync::Arc;

use capykeys_domain::{model::AuditAction, ports::Revocation};
use futures_util::future::join_all;

use crate::{Store, fixtures};

/// The second revocation is told of the first and changes nothing.
pub async fn revoking_again_keeps_the_first_time_and_adds_no_event(store: &Store) {
    let organization = store.organization().await;
    let new = store.key(&organization, 1).await;
    for (micros, newly) in [(10, true), (20, false), (5, false)] {
        let at = fixtures::at(micros);
        let revocation = store.keys.revoke_key(fixtures::revoke(&new.key, at)).await.unwrap();
        assert_eq!(revocation, Some(Revocation { revoked_at: fixtures::at(10), newly }));
    }
    let found = store.keys.find_key(organization.id, new.key.id).await.unwrap().unwrap();
    assert_eq!(found.revoked_at, Some(fixtures::at(10)));
    assert_eq!(store.count_events(&new.key, &AuditAction::RevokeKey).await, 1);
}

/// All are told the same time, one that it did it, and one event says so.
pub async fn of_many_revocations_at_once_one_wins(store: &Store) {
    let organization = store.organization().await;
    for round in 0..8 {
        let new = store.key(&organization, round).await;
        let (organization, id) = (organization.id, new.key.id);
        let revocations = (1..=8).map(|micros| {
            let (keys, at) = (Arc::clone(&store.keys), fixtures::at(1_000 + micros));
            let revoke = fixtures::revoke(&new.key, at);
            tokio::spawn(async move { keys.revoke_key(revoke).await.unwrap().unwrap() })
        });
        let outcomes: Vec<Revocation> = join_all(revocations).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(outcomes.iter().filter(|one| one.newly).count(), 1, "{outcomes:?}");
        let winner = outcomes.iter().find(|one| one.newly).unwrap();
        assert!(outcomes.iter().all(|one| one.revoked_at == winner.revoked_at), "{outcomes:?}");
        let stored = store.keys.find_key(organization, id).await.unwrap().unwrap();
        assert_eq!(stored.revoked_at, Some(winner.revoked_at));
        assert_eq!(store.count_events(&new.key, &AuditAction::RevokeKey).await, 1);
    }
}

/// There is nothing to revoke, and nothing to record.
pub async fn an_unknown_key_cannot_be_revoked(store: &Store) {
    let organization = store.organization().await;
    let never = fixtures::key(organization.id, fixtures::at(1)).key;
    assert_eq!(store.keys.revoke_key(fixtures::revoke(&never, fixtures::at(2))).await.unwrap(), None);
    assert_eq!(store.count_events(&never, &AuditAction::RevokeKey).await, 0);
}

/// No read after the acknowledgement sees the key as it was.
pub async fn a_revoked_key_is_seen_as_revoked_at_once(store: &Store) {
    let organization = store.organization().await;
    for round in 0..50 {
        let new = store.key(&organization, round).await;
        let before =
            store.lookup.find_key_by_digest(std::slice::from_ref(&new.digest)).await.unwrap().unwrap();
        assert_eq!(before.key.revoked_at, None);
        let at = fixtures::at(round + 1);
        let _ = store.keys.revoke_key(fixtures::revoke(&new.key, at)).await.unwrap().unwrap();
        let after =
            store.lookup.find_key_by_digest(std::slice::from_ref(&new.digest)).await.unwrap().unwrap();
        assert_eq!(after.key.revoked_at, Some(at));
    }
}
