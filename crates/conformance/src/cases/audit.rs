//! The audit log.

use std::num::NonZeroU32;

use capykeys_domain::model::{
    Actor, AuditAction, AuditEvent, AuditOutcome, KeyId, RequestContext, RequestId, UserId,
};

use crate::{Store, fixtures};

/// Every actor, action, outcome and address comes back as it was given.
pub async fn events_are_kept_as_given_in_ascending_order(store: &Store) {
    let organization = store.organization().await;
    let key = KeyId::new(fixtures::at(1), [1; 8]);
    let actors = [Actor::Operator, Actor::Key(key), Actor::User(UserId::parse("user_2abc").unwrap())];
    let peers = [None, "192.0.2.7".parse().ok(), "2001:db8::1".parse().ok()];
    let mut expected = Vec::new();
    for (index, &action) in AuditAction::ALL.iter().enumerate() {
        let event = AuditEvent {
            at: fixtures::at(i64::try_from(index).unwrap()),
            action,
            outcome: AuditOutcome::ALL[index % 2],
            actor: actors[index % 3].clone(),
            organization_id: Some(organization.id),
            key_id: (index % 2 == 0).then_some(key),
            request: RequestContext {
                request_id: RequestId::parse(&"~".repeat((index * 20 + 1).min(128))).unwrap(),
                peer: peers[index % 3],
            },
            occurrences: NonZeroU32::MIN.saturating_add(u32::try_from(index).unwrap() * 70_000),
        };
        store.audit.append(&event).await.unwrap();
        expected.push(event);
    }
    let nobodys = AuditEvent { organization_id: None, ..expected[0].clone() };
    store.audit.append(&nobodys).await.unwrap();
    let records = store.events(organization.id).await;
    assert!(records.is_sorted_by(|a, b| a.sequence < b.sequence));
    let events: Vec<_> = records.into_iter().skip(1).map(|one| one.event).collect();
    assert_eq!(events, expected);
}

/// Reading on from a place gives what came after it, and nothing is put in before it.
pub async fn a_closed_range_of_events_never_changes(store: &Store) {
    let organization = store.organization().await;
    for micros in 0..5 {
        store.key(&organization, micros).await;
    }
    let before = store.events(organization.id).await;
    for micros in 5..10 {
        store.key(&organization, micros).await;
    }
    let after = store.events(organization.id).await;
    assert_eq!(after[..before.len()], before);
    let place = before[3].sequence;
    let two = NonZeroU32::new(2).unwrap();
    assert_eq!(store.audit.list(organization.id, place, two).await.unwrap(), after[4..6]);
}
