//! The change feed, in what the suite for every adapter cannot see.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use capykeys_conformance::{
    columns,
    fixtures::{self, ManualClock},
};
use capykeys_domain::{
    model::{AuditAction, Organization},
    ports::{
        Change, ChangeFeed, FeedPosition, FeedQuery, Host, KeyStore, Limit, NewKey, Organizations, Poll,
        ReplicaId,
    },
};
use capykeys_sqlite::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

/// Nobody who is registered.
const READER: ReplicaId = ReplicaId([0; 16]);

struct Scene {
    store: SqliteStore,
    clock: Arc<ManualClock>,
    organization: Organization,
    key: NewKey,
    /// As another program would have it.
    beside: Connection,
    _directory: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let clock = Arc::new(ManualClock::default());
        let host = Host { clock: clock.clone(), ..fixtures::host() };
        let store = SqliteStore::open(directory.path(), host).unwrap();
        let organization = fixtures::organization(fixtures::at(0));
        let event = fixtures::event(AuditAction::CreateOrganization, fixtures::at(0), organization.id, None);
        let _ = store.create_organization(organization.clone(), event.clone()).await.unwrap();
        let key = fixtures::key(organization.id, fixtures::at(1));
        let _ = store.insert_key(key.clone(), fixtures::created(&key)).await.unwrap();
        let beside = Connection::open(directory.path().join("capykeys.db")).unwrap();
        Self { store, clock, organization, key, beside, _directory: directory }
    }

    fn run(&self, statement: &str) {
        self.beside.execute_batch(statement).unwrap();
    }

    async fn end(&self) -> FeedPosition {
        self.store.feed_head(READER).await.unwrap().position
    }

    /// What is told after `position`; `None` where that has diverged.
    async fn told(&self, position: &FeedPosition) -> Option<Vec<Change>> {
        match self
            .store
            .poll_changes(FeedQuery { reader: READER, after: *position, limit: Limit::new(100).unwrap() })
            .await
            .unwrap()
        {
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
        ("UPDATE organizations SET clerk_organization_id = 'org_2new'", Some(organization)),
        ("UPDATE organizations SET clerk_organization_id = NULL", Some(organization)),
        ("DELETE FROM api_keys", Some(key)),
        ("DELETE FROM organizations", Some(organization)),
    ] {
        let start = scene.end().await;
        scene.run(statement);
        assert_eq!(scene.told(&start).await.unwrap(), Vec::from_iter(expected), "{statement}");
    }
}

#[tokio::test]
async fn each_column_is_told_of_or_no_verdict_depends_on_it() {
    const OTHERS: &str = "INSERT INTO organizations \
        (id, name, slug, created_at, updated_at, clerk_organization_id, suspended_at) \
        VALUES (randomblob(16), 'It', 'it', 0, 0, 'org_2it', 0), (randomblob(16), 'To', 'to', 0, 0, NULL, 0)";
    const ROTATED: &str = "UPDATE api_keys SET rotated_at = 2, previous_key_prefix = 'x', previous_expires_at = 2, \
        previous_pepper_id = '1', previous_digest = randomblob(32)";
    let scene = Scene::new().await;
    scene.run(OTHERS);
    scene.run(ROTATED);
    let schema = "SELECT t.name, c.name, c.type FROM sqlite_schema t, pragma_table_info(t.name) c
        WHERE t.name IN ('api_keys', 'organizations')";
    let mut schema = scene.beside.prepare(schema).unwrap();
    let columns = schema.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let columns: Vec<(String, String, String)> = columns.map(Result::unwrap).collect();
    assert!(columns.len() > 20);
    for (table, column, kind) in columns {
        let (text, is_told) = columns::told(&table, &column);
        let value = match (column.as_str(), kind.as_str()) {
            ("organization_id", _) => "(SELECT id FROM organizations WHERE slug = 'to')".to_owned(),
            ("digest" | "previous_digest", _) => "randomblob(32)".to_owned(),
            (_, "BLOB") => "randomblob(16)".to_owned(),
            (_, "INTEGER") => "1".to_owned(),
            _ => format!("'{text}'"),
        };
        // The one without keys: the id of another cannot be changed.
        let rows = if table == "organizations" { "WHERE clerk_organization_id IS NOT NULL" } else { "" };
        let start = scene.end().await;
        scene.run(&format!("UPDATE {table} SET {column} = {value} {rows}"));
        let changes = scene.told(&start).await.unwrap();
        assert_eq!(changes.len(), usize::from(is_told), "{table}.{column}: {changes:?}");
    }
}

/// A newer server has told it, of whatever.
#[tokio::test]
async fn a_kind_of_change_that_is_not_known_concerns_all_that_it_can() {
    let scene = Scene::new().await;
    scene.run("PRAGMA ignore_check_constraints = ON");
    for (key, organization, expected) in [
        ("NULL", "id", Some(vec![Change::Organization(scene.organization.id)])),
        ("id", "id", Some(vec![Change::Organization(scene.organization.id)])),
        ("id", "NULL", None),
        ("NULL", "NULL", None),
    ] {
        let start = scene.end().await;
        scene.run(&format!(
            "INSERT INTO changes (sequence, mark, kind, key_id, organization_id, at) \
             SELECT (SELECT max(sequence) + 1 FROM changes), randomblob(16), 'policy', {key}, {organization}, 0 \
             FROM organizations"
        ));
        assert_eq!(scene.told(&start).await, expected, "{key}, {organization}");
        let next = scene.end().await;
        scene.run("UPDATE api_keys SET revoked_at = coalesce(revoked_at, 0) + 1");
        assert_eq!(scene.told(&next).await, Some(vec![Change::Key(scene.key.key.id)]), "read on from there");
    }
}

/// SQLite deletes what REPLACE replaces without a trigger of the deletion.
#[tokio::test]
async fn what_is_replaced_is_told() {
    const NEW: &str = "INSERT OR REPLACE INTO api_keys \
        (id, organization_id, name, key_prefix, scopes, source, created_at, pepper_id, digest) \
        SELECT id, organization_id, name, key_prefix, '*', source, created_at, pepper_id, digest FROM api_keys";
    const SECOND: &str = "INSERT INTO api_keys \
        (id, organization_id, name, key_prefix, scopes, source, created_at, pepper_id, digest) \
        SELECT randomblob(16), organization_id, 'second', key_prefix, scopes, source, created_at, pepper_id, \
            randomblob(32) FROM api_keys";
    let scene = Scene::new().await;
    let key = Change::Key(scene.key.key.id);
    let organization = Change::Organization(scene.organization.id);
    let of_first = "SELECT digest FROM api_keys WHERE name <> 'second'";
    // The shell does not enforce foreign keys.
    scene.run("PRAGMA foreign_keys = OFF");
    for (statement, expected) in [
        (NEW, Some(key)),
        (&NEW.replace("SELECT id", "SELECT randomblob(16)"), Some(key)),
        ("UPDATE organizations SET clerk_organization_id = 'org_2it'", Some(organization)),
        (
            "REPLACE INTO organizations (id, name, slug, created_at, updated_at, suspended_at) \
             SELECT id, name, slug, 0, 0, 1 FROM organizations",
            Some(organization),
        ),
        (
            "INSERT INTO organizations (id, name, slug, created_at, updated_at) \
             VALUES (zeroblob(16), 'Other', 'other', 0, 0)",
            None,
        ),
        (SECOND, None),
    ] {
        let start = scene.end().await;
        scene.run(statement);
        assert_eq!(scene.told(&start).await.unwrap(), Vec::from_iter(expected), "{statement}");
    }
    let before = scene.end().await;
    scene.run(&format!("UPDATE OR REPLACE api_keys SET digest = ({of_first}) WHERE name = 'second'"));
    assert_eq!(scene.told(&before).await.unwrap().len(), 2, "the one that is gone, and the one in its place");
    let before = scene.end().await;
    let take = "UPDATE OR REPLACE organizations SET id = (SELECT id FROM organizations WHERE slug <> 'other') \
        WHERE slug = 'other'";
    scene.run(take);
    let changes = scene.told(&before).await.unwrap();
    assert!(changes.len() == 2 && changes.contains(&organization), "{changes:?}");
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
async fn the_stores_time_is_that_of_the_clock_it_was_given_and_not_that_of_the_last_event() {
    let scene = Scene::new().await;
    scene.clock.advance(1_234_567);
    let head = scene.store.feed_head(READER).await.unwrap();
    let poll = scene
        .store
        .poll_changes(FeedQuery { reader: READER, after: head.position, limit: Limit::new(1).unwrap() })
        .await
        .unwrap();
    let Poll::Changes { store_time, .. } = poll else { panic!("{poll:?}") };
    assert_eq!([head.store_time, store_time], [fixtures::at(1_234_567); 2]);
}

/// As the `sqlite3` of Debian 12 is (3.40), with which an operator may revoke a key by hand.
#[tokio::test]
async fn what_writes_the_feed_is_known_to_older_versions_of_sqlite() {
    let scene = Scene::new().await;
    let programs: String = scene
        .beside
        .query_row(
            "SELECT group_concat(sql) FROM sqlite_schema WHERE type IN ('trigger', 'view')",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(programs.contains("INSERT INTO changes"), "{programs}");
    // 3.42 and newer.
    assert!(!programs.contains("subsec"), "{programs}");
}
