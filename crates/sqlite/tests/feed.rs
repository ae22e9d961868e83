//! The change feed, in what the suite for every adapter cannot see.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{AuditAction, Organization},
    ports::{Change, ChangeFeed, FeedPosition, KeyStore, NewKey, Organizations, Poll},
};
use capykeys_sqlite::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

struct Scene {
    store: SqliteStore,
    organization: Organization,
    key: NewKey,
    /// As another program would have it.
    beside: Connection,
    _directory: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        let organization = fixtures::organization(fixtures::at(0));
        let event = fixtures::event(AuditAction::CreateOrganization, fixtures::at(0), organization.id, None);
        store.create(&organization, &event).await.unwrap();
        let key = fixtures::key(organization.id, fixtures::at(1));
        let _ = store.insert(&key, &fixtures::created(&key)).await.unwrap();
        let beside = Connection::open(directory.path().join("capykeys.db")).unwrap();
        Self { store, organization, key, beside, _directory: directory }
    }

    fn run(&self, statement: &str) {
        self.beside.execute_batch(statement).unwrap();
    }

    async fn end(&self) -> FeedPosition {
        self.store.head().await.unwrap().position
    }

    /// What is told after `position`; `None` where that has diverged.
    async fn told(&self, position: &FeedPosition) -> Option<Vec<Change>> {
        match self.store.poll(position, 100.try_into().unwrap()).await.unwrap() {
            Poll::Changes { changes, .. } => Some(changes),
            Poll::Diverged(_) => None,
        }
    }
}

#[tokio::test]
async fn whatever_changes_a_verdict_is_told_and_nothing_else_is() {
    let scene = Scene::new().await;
    let key = Change::Key(scene.key.key.id);
    let organization = Change::Organization(scene.organization.id);
    for (statement, expected) in [
        ("UPDATE api_keys SET name = 'Other', last_used_at = 1", None),
        ("UPDATE api_keys SET scopes = scopes, expires_at = expires_at, revoked_at = revoked_at", None),
        ("UPDATE api_keys SET expires_at = 1", Some(key)),
        ("UPDATE api_keys SET scopes = 'jobs:read'", Some(key)),
        ("UPDATE api_keys SET project_id = 'p'", Some(key)),
        ("UPDATE api_keys SET digest = zeroblob(32)", Some(key)),
        ("UPDATE api_keys SET revoked_at = 1", Some(key)),
        ("UPDATE api_keys SET revoked_at = NULL", Some(key)),
        ("UPDATE organizations SET name = 'Other', updated_at = 1", None),
        ("UPDATE organizations SET suspended_at = 1", Some(organization)),
        ("UPDATE organizations SET suspended_at = NULL", Some(organization)),
        ("DELETE FROM api_keys", Some(key)),
        ("DELETE FROM organizations", Some(organization)),
    ] {
        let start = scene.end().await;
        scene.run(statement);
        assert_eq!(scene.told(&start).await.unwrap(), Vec::from_iter(expected), "{statement}");
    }
}

#[tokio::test]
async fn what_is_rolled_back_is_not_told() {
    let scene = Scene::new().await;
    let start = scene.end().await;
    scene.run("BEGIN IMMEDIATE; UPDATE api_keys SET revoked_at = 1");
    assert_eq!(scene.told(&start).await.unwrap(), []);
    scene.run("ROLLBACK");
    assert_eq!((scene.told(&start).await.unwrap(), scene.end().await), (vec![], start));
}

#[tokio::test]
async fn the_last_hundred_thousand_events_are_kept_and_what_is_older_diverges() {
    let scene = Scene::new().await;
    let start = scene.end().await;
    scene.run("INSERT INTO changes SELECT 99998, mark, 'key', mark, mark, at FROM changes");
    scene.run("UPDATE api_keys SET revoked_at = 1");
    assert_eq!(scene.told(&start).await.unwrap().len(), 2);
    let kept = scene.end().await;
    scene.run("UPDATE api_keys SET revoked_at = 2");
    assert_eq!(scene.told(&start).await, None);
    assert_eq!(scene.told(&kept).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_stores_time_is_the_machines_and_not_that_of_the_last_event() {
    let scene = Scene::new().await;
    let now = || -> i64 {
        let millis = "SELECT CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER)";
        scene.beside.query_row(millis, [], |row| row.get(0)).unwrap()
    };
    let before = now();
    let head = scene.store.head().await.unwrap();
    let poll = scene.store.poll(&head.position, 1.try_into().unwrap()).await.unwrap();
    let after = now();
    let Poll::Changes { store_time, .. } = poll else { panic!("{poll:?}") };
    for time in [head.store_time, store_time] {
        assert!((before..=after).contains(&(time.unix_micros() / 1_000)), "{before} {time} {after}");
    }
}
