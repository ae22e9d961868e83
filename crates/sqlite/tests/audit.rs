//! How long the audit log is.

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{Actor, AuditAction},
    ports::{AuditLog, EventLog, Followed, Limit},
};
use capykeys_sqlite::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

const TWO: Limit = Limit::new(2).unwrap();
const HUNDRED: Limit = Limit::new(100).unwrap();

#[tokio::test]
async fn old_events_go_in_steps_and_the_oldest_first() {
    let directory = TempDir::new().unwrap();
    let store = SqliteStore::open(directory.path(), fixtures::host()).unwrap();
    let organization = fixtures::organization(fixtures::at(0)).id;
    for at in 0..5 {
        let event = fixtures::event(AuditAction::ListKeys, fixtures::at(at), organization, None);
        store.append_event(event.clone()).await.unwrap();
    }
    let left = async || store.list_events(fixtures::all_events(organization)).await.unwrap().len();
    assert_eq!(store.expire_events(fixtures::at(4), TWO).await.unwrap(), 2);
    assert_eq!(left().await, 3);
    assert_eq!(store.expire_events(fixtures::at(4), HUNDRED).await.unwrap(), 2);
    assert_eq!(store.expire_events(fixtures::at(4), HUNDRED).await.unwrap(), 0);
    assert_eq!(left().await, 1, "what is not older stays");
}

#[tokio::test]
async fn what_other_versions_write_is_shown_as_it_is() {
    const ROWS: &str = r#"PRAGMA ignore_check_constraints = ON;
        INSERT INTO audit_events (at, action, outcome, actor_kind, actor_id, organization_id, request_id, details)
        VALUES (0, 'api_keys.create', 'denied', 'operator', NULL, ?1, 'old', NULL),
            (0, 'api_key.rotated', 'half', 'robot', 'r2', ?1, 'new', '{"name": "CI", "of": {"a": [1]}, "no": null}'),
            (0, 'api_key.rotated', 'done', 'operator', NULL, ?1, 'odd', '[1, 2]')"#;
    let directory = TempDir::new().unwrap();
    let store = SqliteStore::open(directory.path(), fixtures::host()).unwrap();
    let organization = fixtures::organization(fixtures::at(0)).id;
    let beside = Connection::open(directory.path().join("capykeys.db")).unwrap();
    let id: String = organization.uuid().simple().to_string();
    beside.execute_batch(&ROWS.replace("?1", &format!("x'{id}'"))).unwrap();

    let listed = store.list_events(fixtures::all_events(organization)).await.unwrap();
    let followed = store.follow_events(None, HUNDRED).await.unwrap();
    assert!(matches!(followed, Followed::Events { events, .. } if events == listed));
    let shown: Vec<_> = listed.iter().map(|one| one.event.action.name(&one.event.outcome)).collect();
    assert_eq!(shown, ["api_key.create", "api_key.rotated", "api_key.rotated"]);
    assert_eq!(listed[0].event.action, AuditAction::CreateKey);
    let event = &listed[1].event;
    assert_eq!(event.outcome.as_str(), "half");
    assert_eq!(event.actor, Actor::Other { kind: "robot".to_owned(), id: Some("r2".to_owned()) });
    assert_eq!(event.details.iter().collect::<Vec<_>>(), [("name", "CI"), ("of", r#"{"a":[1]}"#)]);
    assert_eq!(listed[2].event.details.iter().count(), 0);
}
