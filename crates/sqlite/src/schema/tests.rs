use super::*;

#[test]
fn every_migration_in_the_folder_is_embedded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut files: Vec<_> = files.map(|name| name.into_string().unwrap()).collect();
    files.sort();
    let mut embedded: Vec<_> = MIGRATIONS.iter().map(|migration| format!("{migration}.sql")).collect();
    embedded.sort();
    assert_eq!(files, embedded);
}

/// What a program with these migrations leaves in `file`.
fn left_by(file: &Path, known: &[Migration]) -> Connection {
    let mut connection = Connection::open(file).unwrap();
    migrate(&mut connection, file, known).unwrap();
    connection
}

/// The same of a program that knows nothing of `capykeys_schema`.
fn left_by_an_old(file: &Path, known: &[Migration]) -> Connection {
    let connection = left_by(file, known);
    connection.execute_batch("DROP TABLE capykeys_schema").unwrap();
    connection
}

fn versions(connection: &Connection) -> Vec<i32> {
    let mut versions: Vec<i32> = applied(connection).unwrap().iter().map(|one| one.version).collect();
    versions.sort_unstable();
    versions
}

/// All that this program knows, and these.
fn known_and(later: &[i32]) -> Vec<i32> {
    MIGRATIONS.iter().map(Migration::version).chain(later.iter().copied()).collect()
}

fn with_later(later: &[Migration]) -> Vec<Migration> {
    [MIGRATIONS, later].concat()
}

const TOLERATED: Migration =
    Migration::new(1000, "more", "-- oldest schema: 6\nCREATE TABLE more (id INTEGER)");
const NOT_TOLERATED: Migration = Migration::new(1001, "less", "-- oldest schema: 1000\nDROP TABLE replicas");

#[test]
fn a_database_of_the_first_version_is_migrated_when_it_is_opened() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("test.db");
    drop(left_by_an_old(&file, &MIGRATIONS[..1]));
    let writer = open_writer(&file, READER_PATIENCE).unwrap();
    assert_eq!(versions(&writer), known_and(&[]));
    let changes: i64 = writer.query_row("SELECT count(*) FROM changes", [], |row| row.get(0)).unwrap();
    assert_eq!(changes, 1, "the start");
}

#[test]
fn a_later_migration_that_allows_for_this_program_is_gone_on_with() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("test.db");
    drop(left_by(&file, MIGRATIONS));
    let running = open_writer(&file, READER_PATIENCE).unwrap();
    drop(left_by(&file, &with_later(&[TOLERATED])));
    assert_eq!(check(&running).unwrap(), Ok(()));
    let opened = open_writer(&file, READER_PATIENCE).unwrap();
    assert_eq!(versions(&opened), known_and(&[1000]));
    // By which a backup knows that it would leave something out.
    assert!(is_newer(&opened).unwrap());
}

#[test]
fn a_later_migration_that_does_not_is_refused_and_recorded_where_older_programs_look() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("test.db");
    drop(left_by(&file, MIGRATIONS));
    let running = open_writer(&file, READER_PATIENCE).unwrap();
    drop(left_by(&file, &with_later(&[TOLERATED, NOT_TOLERATED])));
    assert_eq!(check(&running).unwrap(), Err(Misfit::Newer(1001)));
    let refused = open_writer(&file, READER_PATIENCE).unwrap_err();
    assert!(matches!(refused, OpenError::Misfit(Misfit::Newer(1001))), "{refused}");
    let last = "SELECT max(version) FROM refinery_schema_history";
    assert_eq!(running.query_row(last, [], |row| row.get::<_, i32>(0)).unwrap(), 1001);
}

#[test]
fn a_migration_that_comes_late_is_applied() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("test.db");
    drop(left_by(&file, &[&MIGRATIONS[..5], &[TOLERATED]].concat()));
    let opened = open_writer(&file, READER_PATIENCE).unwrap();
    assert_eq!(versions(&opened), known_and(&[1000]));
}

#[test]
fn a_migration_that_fails_leaves_nothing_behind() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("test.db");
    let failing = Migration::new(1001, "failing", "CREATE TABLE half (id INTEGER); DROP TABLE missing");
    let mut connection = left_by(&file, MIGRATIONS);
    migrate(&mut connection, &file, &with_later(&[TOLERATED, failing])).unwrap_err();
    assert_eq!(versions(&connection), known_and(&[]));
    for table in ["more", "half"] {
        assert!(!connection.table_exists(None, table).unwrap(), "{table}");
    }
}

/// Readers go on where they were: nothing is numbered anew.
#[test]
fn a_feed_of_the_second_version_is_gone_on_with() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("test.db");
    let old = left_by_an_old(&file, &MIGRATIONS[..2]);
    old.execute_batch(
        "INSERT INTO organizations (id, name, slug, created_at, updated_at)
         VALUES (zeroblob(16), 'Acme', 'acme', 0, 0);
         INSERT INTO api_keys (id, organization_id, name, key_prefix, scopes, source, created_at, pepper_id, digest)
         VALUES (zeroblob(16), zeroblob(16), 'CI', 'capy', '*', 'api', 0, '1', zeroblob(32));
         UPDATE api_keys SET revoked_at = 1;",
    )
    .unwrap();
    let feed = |connection: &Connection| {
        let rows = "SELECT group_concat(sequence || hex(mark) || kind, ' ' ORDER BY sequence) FROM changes";
        connection.query_row(rows, [], |row| row.get::<_, String>(0)).unwrap()
    };
    let before = feed(&old);
    drop(old);
    let writer = open_writer(&file, READER_PATIENCE).unwrap();
    assert_eq!(feed(&writer), before);
    let change =
        "UPDATE api_keys SET revoked_at = NULL; UPDATE organizations SET clerk_organization_id = 'org_2a'";
    writer.execute_batch(change).unwrap();
    let last: i64 = writer.query_row("SELECT max(sequence) FROM changes", [], |row| row.get(0)).unwrap();
    assert_eq!(last, 3);
}

#[test]
fn the_writer_syncs_every_commit_and_enforces_foreign_keys() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("test.db");
    std::fs::File::create(&file).unwrap();
    let writer = open_writer(&file, READER_PATIENCE).unwrap();
    let pragma = |name| writer.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(pragma("synchronous"), 2, "FULL");
    assert_eq!(pragma("foreign_keys"), 1);
    let journal: String = writer.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(journal, "wal");
}

#[test]
fn a_reader_cannot_write() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("test.db");
    std::fs::File::create(&file).unwrap();
    let _writer = open_writer(&file, READER_PATIENCE).unwrap();
    let error = open_reader(&file).unwrap().execute("DELETE FROM audit_events", []).unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::ReadOnly));
}

#[test]
fn the_bundled_sqlite_is_free_of_the_wal_reset_corruption() {
    assert!(rusqlite::version_number() >= 3_051_003);
}
