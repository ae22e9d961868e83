//! What an embedded store owes beside its ports, and what it does with what it finds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use capykeys_conformance::fixtures::{self, at};
use capykeys_domain::{
    model::{AuditAction, OrganizationId, Sequence},
    ports::{
        AuditLog, ChangeFeed, EventLog, EventPosition, Followed, Insertion, KeyStore, KeyUse, Limit, NewKey,
        OrganizationInsertion, Organizations, Readiness, ReplicaId,
    },
};
use capykeys_redb::{OpenError, RedbStore};
use redb::{Builder, ConcurrencyMode, Database, TableDefinition};

const READER: ReplicaId = ReplicaId([1; 16]);
const KEYS: TableDefinition<'static, u128, &[u8]> = TableDefinition::new("keys");
const NUMBERS: TableDefinition<'static, &str, i64> = TableDefinition::new("numbers");

fn open(folder: &Path) -> Result<RedbStore, OpenError> {
    RedbStore::open(folder, fixtures::machine(), Duration::from_secs(1))
}

/// The same database as another program sees it.
fn beside(folder: &Path) -> Database {
    let mut builder = Builder::new();
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter).open(folder.join("capykeys.redb")).unwrap()
}

async fn key(store: &RedbStore) -> NewKey {
    let organization = fixtures::organization(at(0));
    let event = fixtures::event(AuditAction::CreateOrganization, at(0), organization.id, None);
    let created = store.create_organization(organization.clone(), event).await.unwrap();
    assert_eq!(created, OrganizationInsertion::Stored(organization.clone()));
    let new = fixtures::key(organization.id, at(1));
    assert_eq!(store.insert_key(new.clone(), fixtures::created(&new)).await.unwrap(), Insertion::Inserted);
    new
}

async fn list(store: &RedbStore, organization: OrganizationId) -> Result<usize, String> {
    store
        .list_keys(fixtures::all_keys(organization))
        .await
        .map(|keys| keys.len())
        .map_err(|error| error.to_string())
}

/// Puts something else in the key's place.
fn overwrite(folder: &Path, new: &NewKey, change: impl FnOnce(String) -> String) {
    let database = beside(folder);
    let transaction = database.begin_write().unwrap();
    {
        let mut keys = transaction.open_table(KEYS).unwrap();
        let id = new.key.id.uuid().as_u128();
        let text = String::from_utf8(keys.remove(id).unwrap().unwrap().value().to_vec()).unwrap();
        keys.insert(id, change(text).as_bytes()).unwrap();
    }
    transaction.commit().unwrap();
}

#[test]
fn the_folder_and_its_files_are_open_to_nobody_else() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/b");
    let _store = open(&folder).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(folder.parent().unwrap())), (0o700, 0o700));
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty() && files.iter().all(|file| mode(file) == 0o600), "{files:?}");
}

#[tokio::test]
async fn what_is_opened_twice_is_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (open(folder.path()).unwrap(), open(folder.path()).unwrap());
    let new = key(&one).await;
    assert_eq!(list(&other, new.key.organization_id).await, Ok(1));
    let uses = vec![KeyUse { key: new.key.id, at: at(5), with_previous: false }];
    other.record_uses(uses).await.unwrap();
    let found = one.find_key(new.key.organization_id, new.key.id).await.unwrap().unwrap();
    assert_eq!(found.last_used_at, Some(at(5)));
}

#[tokio::test]
async fn who_finds_another_process_writing_is_told_so_in_time_and_served_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let store = RedbStore::open(folder.path(), fixtures::host(), Duration::from_millis(50)).unwrap();
    let database = beside(folder.path());
    let held = database.begin_write().unwrap();
    let event = fixtures::event(AuditAction::CreateKey, at(0), fixtures::organization(at(0)).id, None);
    let error = store.append_event(event.clone()).await.unwrap_err().to_string();
    assert!(error.starts_with("redb: append_event: "), "{error}");
    assert!(store.check_readiness().await.is_err());
    held.abort().unwrap();
    let patient = open(folder.path()).unwrap();
    patient.append_event(event).await.unwrap();
    patient.check_readiness().await.unwrap();
}

#[tokio::test]
async fn a_copy_begins_an_epoch_and_the_same_file_does_not() {
    let (folder, restored) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let epoch = async |folder: &Path| open(folder).unwrap().feed_head(READER).await.unwrap().position.epoch;
    key(&open(folder.path()).unwrap()).await;
    let first = epoch(folder.path()).await;
    assert_eq!(epoch(folder.path()).await, first);
    fs::copy(folder.path().join("capykeys.redb"), restored.path().join("capykeys.redb")).unwrap();
    let second = epoch(restored.path()).await;
    assert_ne!(second, first);
    let store = open(restored.path()).unwrap();
    // Two events are in the copy: who has read less goes on there, and who has read more begins where it was made.
    for (read, common) in [(1, 1), (2, 2), (9, 2)] {
        let after = EventPosition { sequence: Sequence::new(read).unwrap(), epoch: first };
        let sequence = Sequence::new(common).unwrap();
        let diverged = Followed::Diverged(EventPosition { sequence, epoch: second });
        assert_eq!(store.follow_events(Some(after), Limit::MAX).await.unwrap(), diverged);
    }
}

/// Puts a copy in the database's place, as a restore does.
fn replace(folder: &Path) {
    let copy = folder.join("copy");
    fs::copy(folder.join("capykeys.redb"), &copy).unwrap();
    fs::rename(copy, folder.join("capykeys.redb")).unwrap();
}

#[tokio::test]
async fn a_key_that_is_revoked_in_a_file_that_took_the_databases_place_is_not_good_in_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = open(folder.path()).unwrap();
    let key = key(&server).await.key;
    replace(folder.path());
    let command = open(folder.path()).unwrap();
    assert!(command.revoke_key(fixtures::revoke(&key, at(2))).await.unwrap().unwrap().newly);
    let text = "another file is in the database's place, which the next start opens";
    let read = server.find_key(key.organization_id, key.id).await.unwrap_err().to_string();
    assert!(read.ends_with(text), "{read}");
    assert!(server.check_readiness().await.is_err());
    let restarted = open(folder.path()).unwrap();
    let found = restarted.find_key(key.organization_id, key.id).await.unwrap().unwrap();
    assert_eq!(found.revoked_at, Some(at(2)));
}

#[tokio::test]
async fn what_waits_to_write_while_the_file_is_replaced_is_not_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let database = beside(folder.path());
    let held = database.begin_write().unwrap();
    let event = fixtures::event(AuditAction::CreateKey, at(0), fixtures::organization(at(0)).id, None);
    let waiting = tokio::spawn(async move { store.append_event(event).await });
    tokio::task::yield_now().await;
    replace(folder.path());
    held.abort().unwrap();
    let error = waiting.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("another file is in the database's place"), "{error}");
}

#[tokio::test]
async fn what_only_a_newer_server_knows_of_a_key_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let new = key(&store).await;
    overwrite(folder.path(), &new, |text| text.replacen('{', r#"{"networks":"192.0.2.0/24","#, 1));
    store.record_uses(vec![KeyUse { key: new.key.id, at: at(5), with_previous: false }]).await.unwrap();
    overwrite(folder.path(), &new, |text| {
        assert!(text.contains(r#""networks":"192.0.2.0/24""#), "it is lost: {text}");
        text
    });
}

#[tokio::test]
async fn a_list_with_a_row_that_cannot_be_read_fails() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let new = key(&store).await;
    overwrite(folder.path(), &new, |text| text.replace("\"CI\"", "\"capy_live_hush\\n\""));
    let error = list(&store, new.key.organization_id).await.unwrap_err();
    assert_eq!(error, "redb: list_keys: a stored value cannot be read, column name");
}

#[test]
fn what_cannot_be_worked_on_is_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("capykeys.redb"), "capy_live_hush").unwrap();
    let error = open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("capykeys.redb cannot be opened") && !error.contains("hush"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let database = beside(folder.path());
    let transaction = database.begin_write().unwrap();
    transaction.open_table(NUMBERS).unwrap().insert("format", 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(matches!(open(folder.path()), Err(OpenError::Format { found: 2, known: 1 })));
}

#[test]
fn a_database_of_another_program_alone_is_refused_until_that_has_closed_it() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let alone = Database::open(folder.path().join("capykeys.redb")).unwrap();
    let error = open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("another program has it for itself alone"), "{error}");
    drop(alone);
    assert!(open(folder.path()).is_ok());
}
