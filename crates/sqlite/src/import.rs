//! Filling the store.

use std::sync::LazyLock;

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditRecord, Organization},
    ports::{Import, Imported, StoreHead, StoredKey, StoredRows, Unavailable, missing},
    secret::RecordedPepper,
};
use capykeys_storage::{Columns, Field, Record, Row as _, Values, operation};
use rusqlite::Connection;

use crate::{SqliteStore, error::Failure, organizations, snapshot::read_head, sql};

const BEGIN: &str = "INSERT INTO peppers (id, check_value, turn) SELECT $id, $check_value, $turn \
     WHERE NOT EXISTS (SELECT 1 FROM organizations) AND NOT EXISTS (SELECT 1 FROM api_keys) \
         AND NOT EXISTS (SELECT 1 FROM audit_events) ON CONFLICT DO NOTHING";
const BEGUN: &str = "SELECT EXISTS (SELECT 1 FROM peppers WHERE id = $id) AS begun";

static ORGANIZATIONS: LazyLock<String> = LazyLock::new(|| range::<Organization>("organizations", "id"));
static KEYS: LazyLock<String> = LazyLock::new(|| range::<StoredKey>("api_keys", "id"));
static EVENTS: LazyLock<String> = LazyLock::new(|| range::<AuditRecord>("audit_events", "sequence"));
static INSERT_KEY: LazyLock<String> = LazyLock::new(|| insert::<StoredKey>("api_keys"));
static INSERT_EVENT: LazyLock<String> = LazyLock::new(|| insert::<AuditRecord>("audit_events"));

const FORGET: &str = "DELETE FROM peppers WHERE id = $id";
const WITHOUT_TURNS: &str = "UPDATE peppers SET turn = NULL";
const RECORD: &str = "INSERT INTO peppers (id, check_value, turn) VALUES ($id, $check_value, $turn) \
     ON CONFLICT (id) DO UPDATE SET turn = excluded.turn";
const EXPIRED: &str = "INSERT INTO audit_retention (id, expired_through) SELECT 1, $expired WHERE $expired > 0 \
     ON CONFLICT (id) DO UPDATE SET expired_through = max(expired_through, excluded.expired_through)";
const NUMBERED: &str = "INSERT INTO sqlite_sequence (name, seq) SELECT 'audit_events', 0 \
     WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'audit_events')";
const NUMBERS: &str = "UPDATE sqlite_sequence SET seq = max(seq, $expired) WHERE name = 'audit_events'";
/// No reader's position is good any more.
const FEED: [&str; 2] = [
    "INSERT INTO changes (sequence, mark, kind, at) SELECT max(sequence) + 1, randomblob(16), 'start', $now FROM changes",
    "DELETE FROM changes WHERE sequence < (SELECT max(sequence) FROM changes)",
];

/// What the table holds from one id to another.
fn range<R: Record>(table: &str, id: &str) -> String {
    let columns = Columns::of::<R>("").from("t");
    format!("SELECT {columns} FROM {table} AS t WHERE t.{id} BETWEEN $first AND $last ORDER BY t.{id}")
}

fn insert<R: Record>(table: &str) -> String {
    let columns = Columns::of::<R>("");
    format!("INSERT INTO {table} ({}) VALUES ({})", columns.names(), columns.parameters())
}

struct SqliteImport(SqliteStore);

pub(crate) async fn begin(store: &SqliteStore) -> Result<Option<Box<dyn Import>>, Unavailable> {
    let begun = store.write(operation::BEGIN_IMPORT, |connection| {
        let mark = RecordedPepper::of_an_import();
        sql::execute(connection, BEGIN, &Values::default().record("", &mark))?;
        is_begun(connection)
    });
    Ok(begun.await?.then(|| Box::new(SqliteImport(store.clone())) as _))
}

fn is_begun(connection: &Connection) -> Result<bool, Failure> {
    let id = RecordedPepper::of_an_import().check.id;
    let begun = sql::each(connection, BEGUN, &Values::of("id", &id), |row| row.field::<bool>("begun"))?;
    Ok(begun.first() == Some(&true))
}

#[async_trait]
impl Import for SqliteImport {
    async fn import_rows(&mut self, rows: StoredRows) -> Result<Imported, Unavailable> {
        self.0
            .write(operation::IMPORT_ROWS, move |connection| whole(connection, |it| import(it, &rows)))
            .await
    }

    async fn finish(&mut self, head: StoreHead) -> Result<Imported, Unavailable> {
        let now = self.0.host().clock.now();
        let finish = move |connection: &_| {
            if !is_begun(connection)? {
                return Ok(Imported::Different);
            }
            let found = read_head(connection)?;
            if found.counts != head.counts || !head.agrees_with(&found.peppers) {
                return Ok(Imported::Different);
            }
            sql::execute(connection, FORGET, &Values::of("id", &RecordedPepper::of_an_import().check.id))?;
            sql::execute(connection, WITHOUT_TURNS, &Values::default())?;
            for pepper in &head.peppers {
                sql::execute(connection, RECORD, &Values::default().record("", pepper))?;
            }
            for statement in [EXPIRED, NUMBERED, NUMBERS] {
                sql::execute(connection, statement, &Values::of("expired", &head.expired_through))?;
            }
            for statement in FEED {
                sql::execute(connection, statement, &Values::of("now", &now))?;
            }
            Ok(Imported::Done)
        };
        self.0.write(operation::FINISH_IMPORT, finish).await
    }
}

/// All of the work, or none of it where the rows do not go with what is there.
fn whole(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<Imported, Failure>,
) -> Result<Imported, Failure> {
    connection.execute_batch("SAVEPOINT import")?;
    let outcome = match work(connection) {
        Err(failure) if failure.is_constraint() => Imported::Different,
        outcome => outcome?,
    };
    if outcome == Imported::Different {
        connection.execute_batch("ROLLBACK TO import")?;
    }
    connection.execute_batch("RELEASE import")?;
    Ok(outcome)
}

fn import(connection: &Connection, rows: &StoredRows) -> Result<Imported, Failure> {
    if !is_begun(connection)? {
        return Ok(Imported::Different);
    }
    match rows {
        StoredRows::Organizations(rows) => {
            store(connection, [&ORGANIZATIONS, &organizations::INSERT], rows, |row| row.id)
        }
        StoredRows::Keys(rows) => store(connection, [&KEYS, &INSERT_KEY], rows, |row| row.key.id),
        StoredRows::Events(rows) => store(connection, [&EVENTS, &INSERT_EVENT], rows, |row| row.sequence),
    }
}

/// By statements that read what is there and insert a row.
fn store<R: Record + PartialEq, I: Field>(
    connection: &Connection,
    [range, insert]: [&str; 2],
    rows: &[R],
    id: impl Fn(&R) -> I,
) -> Result<Imported, Failure> {
    let (Some(first), Some(last)) = (rows.first().map(&id), rows.last().map(&id)) else {
        return Ok(Imported::Done);
    };
    let stored: Vec<R> = sql::all(connection, range, &Values::of("first", &first).and("last", &last))?;
    let Some(missing) = missing(rows, &stored) else { return Ok(Imported::Different) };
    for row in missing {
        if sql::execute(connection, insert, &Values::default().record("", row))? == 0 {
            return Ok(Imported::Different);
        }
    }
    Ok(Imported::Done)
}
