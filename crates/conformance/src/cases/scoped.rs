//! Nothing is reached from another organization.

use capykeys_domain::{model::AuditAction, ports::RevokeKey};

use crate::{Store, fixtures};

/// With the right id of a key, and the wrong organization, there is nothing.
pub async fn lookups_never_leave_the_organization(store: &Store) {
    let (own, other) = (store.organization().await, store.organization().await);
    let new = store.key(&own, 1).await;
    assert_eq!(store.keys.find_key(other.id, new.key.id).await.unwrap(), None);
    assert!(store.listed(other.id).await.is_empty());
    let others_events = store.events(other.id).await;
    assert!(others_events.iter().all(|one| one.event.organization_id == Some(other.id)));
    assert!(others_events.iter().all(|one| one.event.key_id != Some(new.key.id)));
}

/// And nothing is changed either.
pub async fn another_organizations_key_cannot_be_revoked(store: &Store) {
    let (own, other) = (store.organization().await, store.organization().await);
    let new = store.key(&own, 1).await;
    let foreign = RevokeKey { organization: other.id, ..fixtures::revoke(&new.key, fixtures::at(2)) };
    assert_eq!(store.keys.revoke_key(foreign).await.unwrap(), None);
    assert_eq!(store.keys.find_key(own.id, new.key.id).await.unwrap().unwrap().revoked_at, None);
    assert_eq!(store.count_events(&new.key, &AuditAction::RevokeKey).await, 0);
}
