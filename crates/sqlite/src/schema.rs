//! Connections as this adapter wants them, and the schema that they find.

use std::{path::Path, time::Duration};

use capykeys_migrations::{APPLIED, Applied, Migration, Misfit, fits, migrations, pending, unrecorded};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::OpenError;

/// The migrations that this program knows, oldest first.
const MIGRATIONS: &[Migration] = &migrations!();

/// Where migrations are recorded. Programs up to migration 6 read the first table through a library, which
/// made it just so.
const RECORDS: &str = "CREATE TABLE IF NOT EXISTS refinery_schema_history (
        version int4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255));
    CREATE TABLE IF NOT EXISTS capykeys_schema (
        version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
        applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')), oldest_schema INTEGER NOT NULL) STRICT";
/// The time as RFC 3339 has it.
const NOW: &str = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')";
/// How long a migration waits for other processes at least.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(5);
/// How long a read waits. In WAL mode it waits for nobody but a process that is recovering the
/// database after a crash; it runs on an async worker, so it must not wait long.
const READER_PATIENCE: Duration = Duration::from_millis(200);
/// What the WAL file is cut to once its content is in the database.
const WAL_KEPT_BYTES: i64 = 16 * 1024 * 1024;

/// The connection that writes, on a database that has all of [`MIGRATIONS`]. A write waits this long for
/// other processes: operators' commands write beside a server.
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
    migrate(&mut connection, file, MIGRATIONS)?;
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

/// Whether this program may go on with the schema as it is by now.
pub(crate) fn check(connection: &Connection) -> rusqlite::Result<Result<(), Misfit>> {
    Ok(fits(MIGRATIONS, i32::MAX, &applied(connection)?))
}

/// Whether a newer program has changed the schema since.
pub(crate) fn is_newer(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(capykeys_migrations::is_newer(MIGRATIONS, &applied(connection)?))
}

fn applied(connection: &Connection) -> rusqlite::Result<Vec<Applied>> {
    let mut statement = connection.prepare_cached(APPLIED)?;
    let rows = statement.query_map([], |row| {
        Ok(Applied { version: row.get(0)?, oldest_schema: row.get(1)?, checksum: row.get(2)? })
    })?;
    rows.collect()
}

/// Applies those of the known migrations that the database lacks, all or none.
fn migrate(connection: &mut Connection, file: &Path, known: &[Migration]) -> Result<(), OpenError> {
    const TABLE: &str = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    let failed = |error| OpenError::database(file, "migrating")(error);
    let transaction = connection.transaction().map_err(failed)?;
    transaction.execute_batch(RECORDS).map_err(failed)?;
    let applied = applied(&transaction).map_err(failed)?;
    for trace in unrecorded(&applied) {
        if transaction.prepare(TABLE).and_then(|mut found| found.exists([trace.table])).map_err(failed)? {
            return Err(OpenError::Incomplete(trace.missing));
        }
    }
    for migration in pending(known, &applied)? {
        transaction.execute_batch(&migration.script(NOW)).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

/// How SQLite would answer the query, one line a step.
#[cfg(test)]
pub(crate) fn plan(sql: &str) -> Vec<String> {
    use rusqlite::params_from_iter;
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(RECORDS).unwrap();
    for migration in MIGRATIONS {
        connection.execute_batch(&migration.script(NOW)).unwrap();
    }
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
    let rows = statement.query_map(params_from_iter(nulls), |row| row.get("detail")).unwrap();
    rows.map(Result::unwrap).collect()
}

#[cfg(test)]
mod tests;
