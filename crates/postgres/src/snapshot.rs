//! The whole store in one state.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditRecord, Organization, Sequence},
    ports::{
        Import, Limit, RowCounts, Snapshot, SnapshotPlace, StoreHead, StoredKey, StoredRows, Unavailable,
        WholeStore,
    },
    secret::RecordedPepper,
};
use capykeys_migrations::{APPLIED, is_newer};
use capykeys_storage::{Columns, Operation, Record, Values, operation};
use tokio::time::timeout;
use tokio_postgres::{
    Client, Row,
    types::{ToSql, Type},
};

use crate::{
    connector::Connection,
    failure::Failure,
    import, rows,
    schema::{self, MIGRATIONS},
    statement::Statement,
    store::PostgresStore,
};

/// How long a snapshot may be read: the server keeps all that was deleted since.
const LONGEST: Duration = Duration::from_hours(2);
/// How long a step may take, and the pause before the next.
pub(crate) const STEP: Duration = Duration::from_mins(5);

/// Whatever the role's own settings are. `idle_in_transaction_session_timeout` is for a reader that has gone.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SET LOCAL statement_timeout = '5min'; SET LOCAL idle_in_transaction_session_timeout = '5min'";

static COUNTS: LazyLock<Statement> = LazyLock::new(|| {
    let counts = "SELECT (SELECT count(*) FROM organizations) AS organizations, \
        (SELECT count(*) FROM api_keys) AS keys, (SELECT count(*) FROM audit_events) AS events";
    Statement::new(operation::TAKE_SNAPSHOT, counts)
});
static PEPPERS: LazyLock<Statement> = LazyLock::new(|| {
    Statement::new(operation::TAKE_SNAPSHOT, "SELECT id, check_value, turn FROM peppers ORDER BY id")
});
static EXPIRED: LazyLock<Statement> = LazyLock::new(|| {
    let expired = "SELECT COALESCE((SELECT expired_through FROM audit_retention), 0) AS value";
    Statement::new(operation::TAKE_SNAPSHOT, expired)
});
static ORGANIZATIONS: LazyLock<Statement> = LazyLock::new(|| page::<Organization>("organizations", "id"));
static KEYS: LazyLock<Statement> = LazyLock::new(|| page::<StoredKey>("api_keys", "id"));
static EVENTS: LazyLock<Statement> = LazyLock::new(|| page::<AuditRecord>("audit_events", "sequence"));

/// Rows after an id, read off the index: the statement is planned with its values.
fn page<R: Record>(table: &str, id: &str) -> Statement {
    let columns = Columns::of::<R>("").from("t");
    let text = format!(
        "SELECT {columns} FROM {table} t WHERE $after IS NULL OR t.{id} > $after ORDER BY t.{id} LIMIT $limit"
    );
    Statement::new(operation::READ_ROWS, &text)
}

#[async_trait]
impl WholeStore for PostgresStore {
    async fn take_snapshot(&self) -> Result<Box<dyn Snapshot>, Unavailable> {
        let taking = async {
            let connection = self.pool.connection_beside_it().await?;
            let applied = schema::applied(&connection.query_typed(APPLIED, &[]).await?)?;
            if is_newer(MIGRATIONS, &applied) {
                let reason = "the store's schema is newer than this program, which would leave something out: \
                    use the newer one";
                return Err(Failure::Schema(reason.to_owned()));
            }
            connection.batch_execute(BEGIN).await?;
            let head = read_head(&connection).await?;
            Ok(PostgresSnapshot { connection, head, until: Instant::now() + LONGEST })
        };
        Ok(Box::new(step(operation::TAKE_SNAPSHOT, taking).await?))
    }

    async fn begin_import(&self) -> Result<Option<Box<dyn Import>>, Unavailable> {
        let begun = step(operation::BEGIN_IMPORT, import::begin(&self.pool)).await?;
        Ok(begun.map(|import| Box::new(import) as _))
    }
}

/// Does one step, measured, in the time that it may take.
pub(crate) async fn step<T>(
    name: &'static str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Unavailable> {
    let in_time = async { timeout(STEP, work).await.unwrap_or(Err(Failure::Timeout)) };
    let done = Operation::begin("postgresql", name).complete(Failure::kind, in_time).await;
    done.map_err(|failure| failure.during(name))
}

/// The rows that answer a statement on this connection, whichever line of history it has: it was found to be a primary.
pub(crate) async fn ask(
    client: &Client,
    statement: &Statement,
    values: &Values<'_>,
) -> Result<Vec<Row>, Failure> {
    let bound = statement.bind(values)?;
    let params: Vec<(&(dyn ToSql + Sync), Type)> =
        bound.iter().map(|(value, ty)| (value as _, ty.clone())).collect();
    Ok(client.query_typed(&statement.text, &params).await?)
}

/// What there is besides the rows.
pub(crate) async fn read_head(client: &Client) -> Result<StoreHead, Failure> {
    let none = Values::default();
    let counts: Option<RowCounts> = rows::first(&ask(client, &COUNTS, &none).await?)?;
    let peppers: Vec<RecordedPepper> = rows::all(&ask(client, &PEPPERS, &none).await?)?;
    let expired_through: Sequence = rows::value(&ask(client, &EXPIRED, &none).await?)?;
    Ok(StoreHead { counts: counts.unwrap_or_default(), peppers, expired_through })
}

/// A transaction that ends with its connection.
struct PostgresSnapshot {
    connection: Connection,
    head: StoreHead,
    until: Instant,
}

#[async_trait]
impl Snapshot for PostgresSnapshot {
    fn head(&self) -> &StoreHead {
        &self.head
    }

    async fn read_rows(&mut self, place: SnapshotPlace, limit: Limit) -> Result<StoredRows, Unavailable> {
        if Instant::now() > self.until {
            return Err(Failure::Timeout.during(operation::READ_ROWS));
        }
        let (client, values) = (&*self.connection, Values::of("limit", &limit));
        let reading = async {
            Ok(match place {
                SnapshotPlace::Organizations(after) => StoredRows::Organizations(rows::all(
                    &ask(client, &ORGANIZATIONS, &values.and("after", &after)).await?,
                )?),
                SnapshotPlace::Keys(after) => {
                    StoredRows::Keys(rows::all(&ask(client, &KEYS, &values.and("after", &after)).await?)?)
                }
                SnapshotPlace::Events(after) => {
                    StoredRows::Events(rows::all(&ask(client, &EVENTS, &values.and("after", &after)).await?)?)
                }
            })
        };
        step(operation::READ_ROWS, reading).await
    }
}
