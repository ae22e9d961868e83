//! Connections as this adapter wants them, and the schema that they find.

use std::{path::Path, time::Duration};

use refinery::{Migration, Runner, error::Kind};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};

use crate::{OpenError, error::Failure};

/// The migrations by name and text, oldest first. Once released, one is never changed.
const MIGRATIONS: [(&str, &str); 7] = [
    ("V1__initial", include_str!("../migrations/V1__initial.sql")),
    ("V2__change_feed", include_str!("../migrations/V2__change_feed.sql")),
    ("V3__changes_by_statement", include_str!("../migrations/V3__changes_by_statement.sql")),
    ("V4__replicas", include_str!("../migrations/V4__replicas.sql")),
    ("V5__restores_and_peppers", include_str!("../migrations/V5__restores_and_peppers.sql")),
    ("V6__operators", include_str!("../migrations/V6__operators.sql")),
    ("V8__events", include_str!("../migrations/V8__events.sql")),
];

/// The version of the schema that this program works with: that of its last migration.
pub const SCHEMA_VERSION: i32 = 8;

/// How long a migration waits for other processes at least.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(5);
/// How long a read waits. In WAL mode it waits for nobody but a process that is recovering the
/// database after a crash; it runs on an async worker, so it must not wait long.
const READER_PATIENCE: Duration = Duration::from_millis(200);
/// What the WAL file is cut to once its content is in the database.
const WAL_KEPT_BYTES: i64 = 16 * 1024 * 1024;

/// The connection that writes, on a database whose schema is [`SCHEMA_VERSION`]. A write waits this
/// long for other processes: operators' commands write beside a server.
pub(crate) fn open_writer(file: &Path, patience: Duration) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(file, flags).map_err(OpenError::database(file, "opening"))?;
    if connection.is_readonly(rusqlite::MAIN_DB).map_err(OpenError::database(file, "opening"))? {
        return Err(OpenError::ReadOnly { path: file.to_owned() });
    }
    let journal = configure_writer(&connection, patience.max(MIGRATION_PATIENCE))
        .map_err(OpenError::database(file, "configuring"))?;
    if !journal.eq_ignore_ascii_case("wal") {
        return Err(OpenError::Database { operation: "switching to WAL", code: format!("mode {journal}") });
    }
    // Immediate throughout: a deferred transaction that turns to writing fails at once where
    // another process writes, whatever the busy timeout.
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    migrate(&mut connection, file)?;
    restored(&connection).map_err(OpenError::database(file, "looking for what is missing"))??;
    connection.busy_timeout(patience).map_err(OpenError::database(file, "configuring"))?;
    Ok(connection)
}

/// What a restore of single tables leaves behind: the feed begins anew where it is empty, and keys
/// without any organization are refused.
fn restored(connection: &Connection) -> rusqlite::Result<Result<(), OpenError>> {
    const BEGIN: &str = "INSERT INTO changes (sequence, mark, kind, at) SELECT now, randomblob(16), 'start', now \
         FROM (SELECT CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000 AS now) \
         WHERE NOT EXISTS (SELECT 1 FROM changes)";
    const NO_ORGANIZATION: &str =
        "SELECT EXISTS (SELECT 1 FROM api_keys) AND NOT EXISTS (SELECT 1 FROM organizations)";
    connection.execute(BEGIN, [])?;
    let incomplete: bool = connection.query_row(NO_ORGANIZATION, [], |row| row.get(0))?;
    Ok(if incomplete { Err(OpenError::Incomplete("there are keys and no organizations")) } else { Ok(()) })
}

/// Whether there are tables whose migrations are not recorded.
fn is_unrecorded(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'api_keys'")?.exists([])
}

/// Gives back the journal mode, which is the old one where SQLite cannot change it.
fn configure_writer(connection: &Connection, patience: Duration) -> rusqlite::Result<String> {
    connection.busy_timeout(patience)?;
    let journal = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    // FULL syncs the WAL at every commit; NORMAL would lose acknowledged rows at a power loss.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_KEPT_BYTES, |_| Ok(()))?;
    Ok(journal)
}

/// A connection that only reads.
pub(crate) fn open_reader(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(READER_PATIENCE)?;
    Ok(connection)
}

/// The version of the schema; `None` in a database without a history of migrations.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<Option<i32>> {
    const HISTORY: &str =
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'refinery_schema_history'";
    if connection.prepare_cached(HISTORY)?.query_row([], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    let mut statement = connection.prepare_cached("SELECT max(version) FROM refinery_schema_history")?;
    statement.query_row([], |row| row.get(0))
}

fn migrate(connection: &mut Connection, file: &Path) -> Result<(), OpenError> {
    let found = version(connection).map_err(OpenError::database(file, "reading the schema's version"))?;
    if let Some(found) = found.filter(|&found| found > SCHEMA_VERSION) {
        return Err(OpenError::NewerSchema { found, known: SCHEMA_VERSION });
    }
    if found.is_none()
        && is_unrecorded(connection).map_err(OpenError::database(file, "reading the schema"))?
    {
        return Err(OpenError::Incomplete("the rows of refinery_schema_history are missing"));
    }
    let migrations: Vec<Migration> = MIGRATIONS
        .into_iter()
        .map(|(name, text)| Migration::unapplied(name, text))
        .collect::<Result<_, _>>()
        .map_err(|error| migration_error(&error, file))?;
    // Grouped: all of them in one transaction with the rows that record them.
    let runner = Runner::new(&migrations).set_grouped(true);
    runner.run(connection).map(|_| ()).map_err(|error| migration_error(&error, file))
}

fn migration_error(error: &refinery::Error, file: &Path) -> OpenError {
    const OPERATION: &str = "migrating";
    match error.kind() {
        Kind::DivergentVersion(..) | Kind::MissingVersion(..) => OpenError::ForeignSchema,
        Kind::Connection(_, cause) => match cause.downcast_ref::<rusqlite::Error>() {
            Some(rusqlite::Error::SqliteFailure(cause, _)) => {
                OpenError::database(file, OPERATION)(rusqlite::Error::SqliteFailure(*cause, None))
            }
            _ => OpenError::Database { operation: OPERATION, code: Failure::Binding.to_string() },
        },
        _ => OpenError::Database { operation: OPERATION, code: Failure::Binding.to_string() },
    }
}

/// How SQLite would answer the query, one line a step.
#[cfg(test)]
pub(crate) fn plan(sql: &str) -> Vec<String> {
    use rusqlite::params_from_iter;
    let connection = Connection::open_in_memory().unwrap();
    for (_, migration) in MIGRATIONS {
        connection.execute_batch(migration).unwrap();
    }
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
    let rows = statement.query_map(params_from_iter(nulls), |row| row.get("detail")).unwrap();
    rows.map(Result::unwrap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_last_migration() {
        let versions: Vec<i32> = MIGRATIONS
            .into_iter()
            .map(|(name, text)| Migration::unapplied(name, text).unwrap().version())
            .collect();
        assert!(versions.is_sorted());
        assert_eq!(versions.last(), Some(&SCHEMA_VERSION));
    }

    #[test]
    fn every_migration_in_the_folder_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        files.sort();
        let mut embedded = MIGRATIONS.map(|(name, _)| name);
        embedded.sort_unstable();
        assert_eq!(files, embedded);
    }

    #[test]
    fn a_database_of_the_first_version_is_migrated_when_it_is_opened() {
        let directory = tempfile::TempDir::new().unwrap();
        let file = directory.path().join("test.db");
        let mut old = Connection::open(&file).unwrap();
        let (name, text) = MIGRATIONS[0];
        Runner::new(&[Migration::unapplied(name, text).unwrap()]).run(&mut old).unwrap();
        assert_eq!(version(&old).unwrap(), Some(1));
        let writer = open_writer(&file, READER_PATIENCE).unwrap();
        assert_eq!(version(&writer).unwrap(), Some(SCHEMA_VERSION));
        let changes: i64 = writer.query_row("SELECT count(*) FROM changes", [], |row| row.get(0)).unwrap();
        assert_eq!(changes, 1, "the start");
    }

    /// Readers go on where they were: nothing is numbered anew.
    #[test]
    fn a_feed_of_the_second_version_is_gone_on_with() {
        let directory = tempfile::TempDir::new().unwrap();
        let file = directory.path().join("test.db");
        let mut old = Connection::open(&file).unwrap();
        let known = MIGRATIONS[..2].iter().map(|(name, text)| Migration::unapplied(name, text).unwrap());
        Runner::new(&known.collect::<Vec<_>>()).run(&mut old).unwrap();
        old.execute_batch(
            "INSERT INTO organizations (id, name, slug, created_at, updated_at)
             VALUES (zeroblob(16), 'Acme', 'acme', 0, 0);
             INSERT INTO api_keys (id, organization_id, name, key_prefix, scopes, source, created_at, pepper_id, digest)
             VALUES (zeroblob(16), zeroblob(16), 'CI', 'capy', '*', 'api', 0, '1', zeroblob(32));
             UPDATE api_keys SET revoked_at = 1;",
        )
        .unwrap();
        let feed = |connection: &Connection| {
            let rows =
                "SELECT group_concat(sequence || hex(mark) || kind, ' ' ORDER BY sequence) FROM changes";
            connection.query_row(rows, [], |row| row.get::<_, String>(0)).unwrap()
        };
        let before = feed(&old);
        drop(old);
        let writer = open_writer(&file, READER_PATIENCE).unwrap();
        assert_eq!(feed(&writer), before);
        let change = "UPDATE api_keys SET revoked_at = NULL; UPDATE organizations SET clerk_organization_id = 'org_2a'";
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
}
