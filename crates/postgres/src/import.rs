//! Filling the store, by the role that owns its tables.

use std::sync::LazyLock;

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditRecord, Organization},
    ports::{Import, Imported, StoreHead, StoredKey, StoredRows, Unavailable, missing},
    secret::RecordedPepper,
};
use capykeys_storage::{Columns, Field, Record, Values, operation};
use futures_util::future::join_all;
use tokio_postgres::{
    Client,
    error::SqlState,
    types::{ToSql, Type},
};

use crate::{
    connector::Connection,
    failure::Failure,
    line::KEPT_IN_SESSION,
    migrate::{NUMBERS, numbers_go_on_after},
    pool::Pool,
    rows,
    snapshot::{ask, read_head, step},
    statement::Statement,
};

/// What the advisory lock of whoever fills a store is called: `capycopy` in ASCII.
const LOCK: i64 = i64::from_be_bytes(*b"capycopy");
/// The server may still have to notice that the one before is gone.
const SESSION: &str = "SET lock_timeout = '10s'; SET statement_timeout = '5min'";
const OWNED: &str = "SELECT bool_and(pg_has_role(c.relowner, 'USAGE')) AS value FROM pg_class c WHERE c.oid IN \
    (to_regclass('api_keys'), to_regclass('audit_events'), to_regclass('changes'), to_regclass('peppers'))";

static BEGIN: LazyLock<Statement> = LazyLock::new(|| {
    let begin = "INSERT INTO peppers (id, check_value, turn) SELECT $id, $check_value, $turn \
        WHERE NOT EXISTS (SELECT FROM organizations) AND NOT EXISTS (SELECT FROM api_keys) \
            AND NOT EXISTS (SELECT FROM audit_events) ON CONFLICT DO NOTHING";
    Statement::new(operation::BEGIN_IMPORT, begin)
});
static BEGUN: LazyLock<Statement> = LazyLock::new(|| {
    let begun = "SELECT EXISTS (SELECT FROM peppers WHERE id = $id) AS value";
    Statement::new(operation::BEGIN_IMPORT, begun)
});

static ORGANIZATIONS: LazyLock<Table> = LazyLock::new(|| Table::of::<Organization>("organizations", "id"));
static KEYS: LazyLock<Table> = LazyLock::new(|| Table::of::<StoredKey>("api_keys", "id"));
static EVENTS: LazyLock<Table> = LazyLock::new(|| Table::of::<AuditRecord>("audit_events", "sequence"));

static FORGET: LazyLock<Statement> = LazyLock::new(|| finish("DELETE FROM peppers WHERE id = $id"));
static WITHOUT_TURNS: LazyLock<Statement> = LazyLock::new(|| finish("UPDATE peppers SET turn = NULL"));
static RECORD: LazyLock<Statement> = LazyLock::new(|| {
    finish(
        "INSERT INTO peppers (id, check_value, turn) VALUES ($id, $check_value, $turn) \
         ON CONFLICT (id) DO UPDATE SET turn = EXCLUDED.turn",
    )
});
static EXPIRED: LazyLock<Statement> = LazyLock::new(|| {
    finish(
        "INSERT INTO audit_retention AS r (id, expired_through) SELECT 1, $expired WHERE $expired > 0 \
         ON CONFLICT (id) DO UPDATE SET expired_through = GREATEST(r.expired_through, EXCLUDED.expired_through)",
    )
});
/// No reader's position is good any more. The lock is that of `record_changes`.
const FEED: &str = "SELECT feed_end(); SELECT pg_advisory_xact_lock(x'006368616e676573'::bigint); \
    INSERT INTO changes (sequence, mark, kind, at) \
    SELECT max(sequence) + 1, uuid_send(gen_random_uuid()), 'start', clock_timestamp() FROM changes; \
    DELETE FROM changes WHERE sequence < (SELECT max(sequence) FROM changes)";

fn finish(text: &str) -> Statement {
    Statement::new(operation::FINISH_IMPORT, text)
}

/// How rows of a kind are read back and stored.
struct Table {
    /// What it holds from one id to another.
    range: Statement,
    insert: Statement,
}

impl Table {
    fn of<R: Record>(table: &str, id: &str) -> Self {
        let columns = Columns::of::<R>("");
        let range = format!(
            "SELECT {} FROM {table} t WHERE t.{id} BETWEEN $first AND $last ORDER BY t.{id}",
            columns.from("t")
        );
        let insert = format!(
            "INSERT INTO {table} ({}) OVERRIDING SYSTEM VALUE VALUES ({})",
            columns.names(),
            columns.parameters()
        );
        let of = |text: &str| Statement::new(operation::IMPORT_ROWS, text);
        Self { range: of(&range), insert: of(&insert) }
    }
}

/// A session that holds the lock.
pub(crate) struct PostgresImport(Connection);

pub(crate) async fn begin(pool: &Pool) -> Result<Option<PostgresImport>, Failure> {
    let connection = pool.connection_beside_it().await?;
    let owned = connection.query_typed(OWNED, &[]).await?;
    if !rows::value::<bool>(&owned)? {
        let reason = "this role does not own the tables: fill the store with the role that `capykeys migrate` runs with";
        return Err(Failure::Schema(reason.to_owned()));
    }
    connection.batch_execute(SESSION).await?;
    connection.batch_execute(KEPT_IN_SESSION).await?;
    let locked = connection.query_typed("SELECT pg_advisory_lock($1)", &[(&LOCK, Type::INT8)]).await;
    match locked.map_err(Failure::from) {
        Err(failure) if failure.is(&SqlState::LOCK_NOT_AVAILABLE) => {
            return Err(Failure::Schema("another program is filling the store".to_owned()));
        }
        locked => drop(locked?),
    }
    ask(&connection, &BEGIN, &Values::default().record("", &RecordedPepper::of_an_import())).await?;
    Ok(is_begun(&connection).await?.then_some(PostgresImport(connection)))
}

async fn is_begun(client: &Client) -> Result<bool, Failure> {
    let id = RecordedPepper::of_an_import().check.id;
    rows::value(&ask(client, &BEGUN, &Values::of("id", &id)).await?)
}

#[async_trait]
impl Import for PostgresImport {
    async fn import_rows(&mut self, rows: StoredRows) -> Result<Imported, Unavailable> {
        let work = import(&self.0, &rows);
        step(operation::IMPORT_ROWS, Box::pin(whole(&self.0, work))).await
    }

    async fn finish(&mut self, head: StoreHead) -> Result<Imported, Unavailable> {
        let work = finish_with(&self.0, &head);
        step(operation::FINISH_IMPORT, Box::pin(whole(&self.0, work))).await
    }
}

/// Does the work in a transaction: all of it, or none where it does not go with what is there.
async fn whole(
    client: &Connection,
    work: impl Future<Output = Result<Imported, Failure>>,
) -> Result<Imported, Failure> {
    client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    let work = async { if is_begun(client).await? { work.await } else { Ok(Imported::Different) } };
    let outcome = match work.await {
        Err(failure) if failure.is_constraint() => Ok(Imported::Different),
        outcome => outcome,
    };
    if matches!(outcome, Ok(Imported::Done)) {
        client.batch_execute("COMMIT").await?;
        if client.take_unreplicated() {
            return Err(Failure::Unreplicated);
        }
    } else {
        // Where not even that is answered, the transaction ends with its connection.
        let _ = client.batch_execute("ROLLBACK").await;
    }
    outcome
}

async fn import(client: &Client, rows: &StoredRows) -> Result<Imported, Failure> {
    match rows {
        StoredRows::Organizations(rows) => store(client, &ORGANIZATIONS, rows, |row| row.id).await,
        StoredRows::Keys(rows) => store(client, &KEYS, rows, |row| row.key.id).await,
        StoredRows::Events(rows) => store(client, &EVENTS, rows, |row| row.sequence).await,
    }
}

async fn store<R: Record + PartialEq, I: Field>(
    client: &Client,
    table: &Table,
    rows: &[R],
    id: impl Fn(&R) -> I,
) -> Result<Imported, Failure> {
    let (Some(first), Some(last)) = (rows.first().map(&id), rows.last().map(&id)) else {
        return Ok(Imported::Done);
    };
    let values = Values::of("first", &first).and("last", &last);
    let stored: Vec<R> = rows::all(&ask(client, &table.range, &values).await?)?;
    let Some(missing) = missing(rows, &stored) else { return Ok(Imported::Different) };
    insert_all(client, &table.insert, &missing).await?;
    Ok(Imported::Done)
}

/// All at once: the server answers one after the other and is waited for once.
async fn insert_all<R: Record>(client: &Client, insert: &Statement, rows: &[&R]) -> Result<(), Failure> {
    let Some(first) = rows.first() else { return Ok(()) };
    let values = Values::default().record("", *first);
    let types: Vec<Type> = insert.bind(&values)?.into_iter().map(|(_, ty)| ty).collect();
    let prepared = client.prepare_typed(&insert.text, &types).await?;
    let one = |row| {
        let prepared = &prepared;
        async move {
            let values = Values::default().record("", row);
            let bound = insert.bind(&values)?;
            let params: Vec<&(dyn ToSql + Sync)> = bound.iter().map(|(value, _)| value as _).collect();
            client.execute(prepared, &params).await.map_err(Failure::from)
        }
    };
    let outcomes = join_all(rows.iter().map(|row| one(*row))).await;
    // The first of them says why; those after it fail because of it.
    outcomes.into_iter().try_for_each(|outcome| outcome.map(drop))
}

async fn finish_with(client: &Client, head: &StoreHead) -> Result<Imported, Failure> {
    let found = read_head(client).await?;
    if found.counts != head.counts || !head.agrees_with(&found.peppers) {
        return Ok(Imported::Different);
    }
    ask(client, &FORGET, &Values::of("id", &RecordedPepper::of_an_import().check.id)).await?;
    ask(client, &WITHOUT_TURNS, &Values::default()).await?;
    for pepper in &head.peppers {
        ask(client, &RECORD, &Values::default().record("", pepper)).await?;
    }
    ask(client, &EXPIRED, &Values::of("expired", &head.expired_through)).await?;
    for (table, column) in NUMBERS {
        client.batch_execute(&numbers_go_on_after(table, column)).await?;
    }
    client.batch_execute(FEED).await?;
    Ok(Imported::Done)
}
