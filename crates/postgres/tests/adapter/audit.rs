//! How long the audit log is.

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{AuditAction, Timestamp},
    ports::{AuditLog, Limit},
};

use crate::scene::{Scene, scene};

const TWO: Limit = Limit::new(2).unwrap();
const HUNDRED: Limit = Limit::new(100).unwrap();

async fn sequences(scene: &Scene) -> Vec<i64> {
    let events = scene.store.list_events(fixtures::all_events(scene.organization.id)).await.unwrap();
    events.iter().map(|one| one.sequence.get()).collect()
}

#[tokio::test]
async fn old_events_go_in_steps_and_the_oldest_first() {
    let scene = scene().await;
    for at in 0..3 {
        let event = fixtures::event(AuditAction::ListKeys, fixtures::at(at), scene.organization.id, None);
        scene.store.append_event(event).await.unwrap();
    }
    let before = sequences(&scene).await;
    assert_eq!(scene.store.expire_events(fixtures::at(1_000), TWO).await.unwrap(), 2);
    assert_eq!(sequences(&scene).await, before[2..]);
    assert_eq!(
        scene.store.expire_events(fixtures::at(1_000), HUNDRED).await.unwrap(),
        before.len() as u64 - 2
    );
    assert_eq!(scene.store.expire_events(fixtures::at(1_000), HUNDRED).await.unwrap(), 0);
}

#[tokio::test]
async fn the_last_day_is_left_whatever_is_asked_for() {
    let scene = scene().await;
    scene.run("UPDATE audit_events SET at = now() - interval '23 hours'").await;
    let before = sequences(&scene).await;
    assert_eq!(scene.store.expire_events(Timestamp::MAX, HUNDRED).await.unwrap(), 0);
    assert_eq!(sequences(&scene).await, before);
    scene.run("UPDATE audit_events SET at = now() - interval '25 hours'").await;
    assert_eq!(scene.store.expire_events(Timestamp::MAX, HUNDRED).await.unwrap(), before.len() as u64);
}
