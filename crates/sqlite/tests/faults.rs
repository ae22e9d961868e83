//! What the store does where rows are corrupt, another process writes, or the database is gone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{error::Error as _, slice};

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{ApiKey, AuditAction, KeySource, Organization},
    ports::{AuditLog, Insertion, KeyLookup, KeyStore, NewKey, Organizations, Readiness},
};
use capykeys_sqlite::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

struct Setting {
    store: SqliteStore,
    organization: Organization,
    new: NewKey,
    directory: TempDir,
}

impl Setting {
    async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let store = SqliteStore::open(directory.path(), fixtures::host()).unwrap();
        let organization = fixtures::organization(fixtures::at(0));
        let event = fixtures::event(AuditAction::CreateOrganization, fixtures::at(0), organization.id, None);
        let _ = store.create_organization(organization.clone(), event.clone()).await.unwrap();
        let new = fixtures::key(organization.id, fixtures::at(1));
        assert_eq!(
            store.insert_key(new.clone(), fixtures::created(&new)).await.unwrap(),
            Insertion::Inserted
        );
        Self { store, organization, new, directory }
    }

    /// A connection beside the store's, on which no check of the schema holds.
    fn beside(&self) -> Connection {
        let connection = Connection::open(self.directory.path().join("capykeys.db")).unwrap();
        connection.pragma_update(None, "ignore_check_constraints", true).unwrap();
        connection
    }
}

#[tokio::test]
async fn a_row_that_the_domain_does_not_accept_is_unavailable_and_not_repeated() {
    for (column, value) in [
        ("scopes", "Hunter2:read"),
        ("scopes", "jobs:read jobs:read"),
        ("name", "hunter2\n"),
        ("project_id", "hunter2 hunter2"),
        ("created_by_user_id", "hunter2"),
    ] {
        let setting = Setting::new().await;
        let sql = format!("UPDATE api_keys SET {column} = ?1");
        assert_eq!(setting.beside().execute(&sql, [value]).unwrap(), 1);

        let (store, id, organization) = (&setting.store, setting.new.key.id, setting.organization.id);
        for error in [
            store.find_key(organization, id).await.unwrap_err(),
            store.list_keys(fixtures::all_keys(organization)).await.unwrap_err(),
            store.find_key_by_digest(slice::from_ref(&setting.new.digest)).await.unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(text.ends_with(&format!(": corrupt row, column {column}")), "{text}");
            assert!(error.source().is_none());
        }
        store.check_readiness().await.unwrap();
    }
}

/// A newer server has stored it: one such key must not hide what is listed beside it, nor stop working.
#[tokio::test]
async fn a_source_that_is_not_known_is_read_as_it_is() {
    let setting = Setting::new().await;
    setting.beside().execute("UPDATE api_keys SET source = 'robot'", []).unwrap();
    let (store, id, organization) = (&setting.store, setting.new.key.id, setting.organization.id);
    let expected = ApiKey { source: KeySource::Other("robot".to_owned()), ..setting.new.key.clone() };
    assert_eq!(store.find_key(organization, id).await.unwrap().as_ref(), Some(&expected));
    assert_eq!(store.list_keys(fixtures::all_keys(organization)).await.unwrap(), slice::from_ref(&expected));
    let found = store.find_key_by_digest(slice::from_ref(&setting.new.digest)).await.unwrap().unwrap();
    assert_eq!(found.key, expected);
}

#[tokio::test]
async fn the_table_takes_every_name_of_a_scope_and_nothing_else() {
    let setting = Setting::new().await;
    let strict = Connection::open(setting.directory.path().join("capykeys.db")).unwrap();
    let set = |scopes: &str| strict.execute("UPDATE api_keys SET scopes = ?1", [scopes]);
    for names in ["*", "repo", "read:user jobs:read *", "a.b-c_d:1 *"] {
        assert_eq!(set(names), Ok(1), "{names}");
    }
    for wrong in
        ["", " ", "a ", " a", "a  b", "a,b", "Jobs:read", "jobs:*", "*a", "**", "1a", "a -b", "a\nb", "é"]
    {
        let refused = set(wrong).unwrap_err();
        assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::ConstraintViolation), "{wrong:?}");
    }
    let change = "SELECT count(*) FROM changes WHERE kind = 'key'";
    let told: i64 = strict.query_row(change, [], |row| row.get(0)).unwrap();
    assert_eq!(told, 4, "the triggers have stayed");
}

#[tokio::test]
async fn a_project_key_with_a_scope_beyond_its_project_is_found_as_it_is_stored() {
    let setting = Setting::new().await;
    setting.beside().execute("UPDATE api_keys SET project_id = 'p1', scopes = '*'", []).unwrap();
    let found =
        setting.store.find_key_by_digest(slice::from_ref(&setting.new.digest)).await.unwrap().unwrap();
    assert_eq!(found.key.scopes, fixtures::scopes(&["*"]));
    assert!(found.key.project_id.is_some());
}

#[tokio::test]
async fn while_another_process_writes_reads_go_on_and_a_write_is_refused_in_time() {
    let setting = Setting::new().await;
    let (store, organization) = (&setting.store, setting.organization.id);
    let other = setting.beside();
    other.execute_batch("BEGIN IMMEDIATE; UPDATE organizations SET name = 'Other'").unwrap();

    let second = fixtures::key(organization, fixtures::at(2));
    let event = fixtures::created(&second);
    let error = store.insert_key(second.clone(), event.clone()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "sqlite: insert_key: another program keeps the database locked (SQLite code 5)"
    );
    assert_eq!(store.find_organization(organization).await.unwrap(), Some(setting.organization.clone()));
    assert_eq!(store.list_events(fixtures::all_events(organization)).await.unwrap().len(), 2);

    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.insert_key(second.clone(), event.clone()).await.unwrap(), Insertion::Inserted);
}

#[tokio::test]
async fn a_write_whose_event_cannot_be_stored_is_undone() {
    let setting = Setting::new().await;
    let (store, organization) = (&setting.store, setting.organization.id);
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'no'); END";
    setting.beside().execute_batch(refuse).unwrap();

    let second = fixtures::key(organization, fixtures::at(2));
    store.insert_key(second.clone(), fixtures::created(&second)).await.unwrap_err();
    let key = &setting.new.key;
    let at = fixtures::at(3);
    store.revoke_key(fixtures::revoke(key, at)).await.unwrap_err();
    assert_eq!(store.list_keys(fixtures::all_keys(organization)).await.unwrap(), slice::from_ref(key));
}
