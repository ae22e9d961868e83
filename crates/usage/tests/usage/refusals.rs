//! Refusals of one caller, again and again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use capykeys_conformance::{fixtures, model::ModelStore};
use capykeys_domain::{
    model::{Actor, AuditAction, AuditEvent, AuditOutcome, AuditRecord, KeyId, OrganizationId, Timestamp},
    ports::{AuditLog, EventQuery, Limit, Unavailable},
};
use capykeys_usage::CountedRefusals;

/// A log that can be away.
#[derive(Default)]
struct Log {
    kept: ModelStore,
    away: AtomicBool,
}

#[async_trait]
impl AuditLog for Log {
    async fn append_event(&self, event: AuditEvent) -> Result<(), Unavailable> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Unavailable::new("store", "away"));
        }
        self.kept.append_event(event).await
    }

    async fn expire_events(&self, before: Timestamp, at_most: Limit) -> Result<u64, Unavailable> {
        self.kept.expire_events(before, at_most).await
    }

    async fn list_events(&self, query: EventQuery) -> Result<Vec<AuditRecord>, Unavailable> {
        self.kept.list_events(query).await
    }
}

struct Scene {
    log: Arc<Log>,
    refusals: CountedRefusals,
    organization: OrganizationId,
}

impl Scene {
    fn new() -> Self {
        let log = Arc::new(Log::default());
        let organization = fixtures::organization(fixtures::at(0)).id;
        Self { refusals: CountedRefusals::new(log.clone()), log, organization }
    }

    fn refusal(&self, caller: u8, at: i64, key: Option<u8>) -> AuditEvent {
        let id = |of: u8| KeyId::new(fixtures::at(1), [of; 8]);
        AuditEvent {
            outcome: AuditOutcome::Denied,
            actor: Actor::Key(id(caller)),
            ..fixtures::event(AuditAction::RevokeKey, fixtures::at(at), self.organization, key.map(id))
        }
    }

    async fn refuse(&self, caller: u8, at: i64, key: Option<u8>) -> Result<(), Unavailable> {
        self.refusals.append_event(self.refusal(caller, at, key)).await
    }

    /// What is in the log behind its first event.
    async fn second_and_later(&self) -> Vec<AuditRecord> {
        let all = fixtures::all_events(self.organization);
        self.log.list_events(EventQuery { after: fixtures::sequence(1), ..all }).await.unwrap()
    }

    /// The times and numbers of what is in the log.
    async fn written(&self) -> Vec<(Timestamp, u32)> {
        let records = self.log.list_events(fixtures::all_events(self.organization)).await.unwrap();
        records.iter().map(|one| (one.event.at, one.event.occurrences.get())).collect()
    }

    async fn end_interval(&self) -> usize {
        self.refusals.flush(Duration::from_millis(200)).await
    }
}

#[tokio::test]
async fn a_hundred_thousand_refusals_of_one_caller_are_two_events_with_all_of_them() {
    let scene = Scene::new();
    for at in 0..100_000 {
        scene.refuse(1, at, None).await.unwrap();
    }
    assert_eq!(scene.written().await, [(fixtures::at(0), 1)], "the first is written at once");
    assert_eq!(scene.end_interval().await, 0);
    assert_eq!(scene.written().await, [(fixtures::at(0), 1), (fixtures::at(99_999), 99_999)]);
    assert_eq!(scene.end_interval().await, 0);
    assert_eq!(scene.written().await.len(), 2, "nothing is written twice");
}

#[tokio::test]
async fn each_caller_and_each_interval_begins_with_an_event_of_its_own() {
    let scene = Scene::new();
    for (caller, at) in [(1, 0), (2, 1), (1, 2), (2, 3)] {
        scene.refuse(caller, at, None).await.unwrap();
    }
    assert_eq!(scene.written().await.len(), 2);
    scene.end_interval().await;
    assert_eq!(scene.written().await.len(), 4);
    scene.refuse(1, 9, None).await.unwrap();
    assert_eq!(scene.written().await.last(), Some(&(fixtures::at(9), 1)));
}

#[tokio::test]
async fn the_key_is_named_where_it_was_the_same_each_time() {
    for (keys, named) in [([7, 7, 7], true), ([7, 7, 8], false), ([7, 8, 7], false)] {
        let scene = Scene::new();
        scene.refuse(1, 0, Some(7)).await.unwrap();
        for key in keys {
            scene.refuse(1, 1, Some(key)).await.unwrap();
        }
        scene.end_interval().await;
        let records = scene.second_and_later().await;
        assert_eq!(records[0].event.key_id.is_some(), named, "{keys:?}");
    }
}

#[tokio::test]
async fn the_organization_asked_for_is_named_where_it_was_the_same_each_time() {
    let asked = |of: u8| OrganizationId::new(fixtures::at(1), [of; 8]);
    for (organizations, named) in [([7, 7, 7], true), ([7, 8, 7], false)] {
        let scene = Scene::new();
        for of in organizations {
            let target_organization_id = Some(asked(of));
            let event = AuditEvent { target_organization_id, ..scene.refusal(1, 0, None) };
            scene.refusals.append_event(event.clone()).await.unwrap();
        }
        scene.end_interval().await;
        let records = scene.second_and_later().await;
        assert_eq!(records.len(), 1, "however many were asked for");
        assert_eq!(records[0].event.target_organization_id.is_some(), named, "{organizations:?}");
    }
}

#[tokio::test]
async fn what_is_done_is_never_counted() {
    let scene = Scene::new();
    let done = AuditEvent { outcome: AuditOutcome::Done, ..scene.refusal(1, 0, None) };
    for _ in 0..3 {
        scene.refusals.append_event(done.clone()).await.unwrap();
    }
    assert_eq!(scene.written().await.len(), 3);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_given_and_what_was_counted_is_kept() {
    let scene = Scene::new();
    scene.refuse(1, 0, None).await.unwrap();
    scene.refuse(1, 1, None).await.unwrap();
    scene.log.away.store(true, Ordering::SeqCst);
    assert!(scene.refuse(2, 2, None).await.is_err(), "the first of a caller");
    assert_eq!(scene.end_interval().await, 1, "one event is left");
    assert!(scene.refuse(1, 3, None).await.is_err(), "none is counted while the counts are not taken");
    scene.log.away.store(false, Ordering::SeqCst);
    assert_eq!(scene.end_interval().await, 0);
    assert_eq!(scene.written().await, [(fixtures::at(0), 1), (fixtures::at(1), 1)]);
}
