//! Opening and closing the store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Barrier, thread};

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::AuditAction,
    ports::{Organizations, Readiness},
};
use capykeys_migrations::Misfit;
use capykeys_sqlite::{OpenError, ServerLock, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// A connection beside the store's, as another program would have it.
fn beside(directory: &TempDir) -> Connection {
    Connection::open(directory.path().join("capykeys.db")).unwrap()
}

#[tokio::test]
async fn dropping_the_last_clone_leaves_everything_in_the_one_file() {
    let directory = TempDir::new().unwrap();
    let store = SqliteStore::open(directory.path(), fixtures::host()).unwrap();
    let clone = store.clone();
    drop(store);
    clone.check_readiness().await.unwrap();
    drop(clone);
    let files: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert_eq!(files, ["capykeys.db"]);
}

#[test]
fn everything_is_made_for_its_owner_alone() {
    let parent = TempDir::new().unwrap();
    let directory = parent.path().join("data");
    let _lock = ServerLock::acquire(&directory).unwrap();
    let _store = SqliteStore::open(&directory, fixtures::host()).unwrap();
    assert_eq!(mode(&directory), 0o700);
    let mut names = Vec::new();
    for file in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
        assert_eq!(mode(&file.path()), 0o600, "{}", file.path().display());
        names.push(file.file_name());
    }
    names.sort();
    assert_eq!(names, ["capykeys.db", "capykeys.db-shm", "capykeys.db-wal", "lock"]);
}

#[tokio::test]
async fn commands_open_the_store_beside_a_server() {
    let directory = TempDir::new().unwrap();
    let _lock = ServerLock::acquire(directory.path()).unwrap();
    let server = SqliteStore::open(directory.path(), fixtures::host()).unwrap();
    let command = SqliteStore::open(directory.path(), fixtures::host()).unwrap();
    let organization = fixtures::organization(fixtures::at(0));
    let event = fixtures::event(AuditAction::CreateOrganization, fixtures::at(0), organization.id, None);
    let _ = command.create_organization(organization.clone(), event.clone()).await.unwrap();
    drop(command);
    let found = server.find_organization(organization.id).await.unwrap();
    assert_eq!(found, Some(organization));
    server.check_readiness().await.unwrap();
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("capykeys.db");
    let content = "Dear diary, ".repeat(100);
    fs::write(&file, &content).unwrap();
    let error = SqliteStore::open(directory.path(), fixtures::host()).unwrap_err();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), content);
}

#[tokio::test]
async fn a_newer_schema_is_not_served() {
    const NEWER: &str =
        "INSERT INTO refinery_schema_history VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')";
    let directory = TempDir::new().unwrap();
    let running = SqliteStore::open(directory.path(), fixtures::host()).unwrap();
    beside(&directory).execute(NEWER, []).unwrap();
    assert!(running.check_readiness().await.is_err());
    let error = SqliteStore::open(directory.path(), fixtures::host()).unwrap_err();
    assert!(matches!(error, OpenError::Misfit(Misfit::Newer(99))), "{error}");
}

#[test]
fn a_schema_that_was_changed_by_hand_is_refused() {
    let directory = TempDir::new().unwrap();
    drop(SqliteStore::open(directory.path(), fixtures::host()).unwrap());
    beside(&directory).execute("UPDATE refinery_schema_history SET checksum = '1'", []).unwrap();
    let error = SqliteStore::open(directory.path(), fixtures::host()).unwrap_err();
    assert!(matches!(error, OpenError::Misfit(Misfit::Divergent(_))), "{error}");
}

#[test]
fn many_that_open_a_new_directory_at_once_all_succeed() {
    const MANY: usize = 8;
    for _ in 0..5 {
        let parent = TempDir::new().unwrap();
        let directory = parent.path().join("data");
        let start = Barrier::new(MANY);
        thread::scope(|scope| {
            for _ in 0..MANY {
                scope.spawn(|| {
                    start.wait();
                    SqliteStore::open(&directory, fixtures::host()).unwrap();
                });
            }
        });
    }
}
