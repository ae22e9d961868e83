//! Requests that are done once, however often they are sent.

use std::sync::LazyLock;

use capykeys_domain::{
    model::{ApiKey, Timestamp},
    ports::{FORGOTTEN_AT_ONCE, Insertion, Repeated, Unavailable},
    secret::IdempotencyRecord,
};
use capykeys_storage::{
    Answered, Columns, OF_REQUEST, Row as _, Values, columns_of_repeated, operation, repeated,
    select_repeated,
};
use tokio_postgres::Row;

use crate::{
    failure::Failure,
    line::answer,
    pool::Pool,
    rows::{self, Answer},
    statement::Statement,
};

/// The `obstacle` that says that the request was done before.
const REPEATED: &str = "repeated";

/// The obstacle of such a request, after those of its `verdict`: a record, or one that this statement cannot see because it was
/// committed after it had begun; and of two at once, the second does not wait.
pub(crate) const OBSTACLE: &str = "CASE WHEN obstacle IS NOT NULL THEN obstacle \
    WHEN NOT (SELECT is_free FROM turn) THEN 'running' \
    WHEN EXISTS (SELECT FROM known) OR (SELECT is_new FROM free) AND NOT EXISTS (SELECT FROM remembered) \
        THEN 'repeated' END";

/// `remembered`: a row where the request's record was stored, after a `verdict`. Its key has to be stored in the same statement,
/// or the reference to it fails.
///
/// Whoever is at such a request holds a lock of its transaction: it ends with that, also where its server is gone. Of those who
/// come between the commit and the end of the lock, the primary key lets none through. That a record is there is told of a
/// row that was locked: thereby the commit waits for that of whoever has stored it.
pub(crate) fn remember() -> String {
    let columns = Columns::of::<IdempotencyRecord>(OF_REQUEST);
    let (names, parameters) = (columns.names(), columns.parameters());
    format!(
        ", turn AS (\
             SELECT pg_try_advisory_xact_lock($turn) AS is_free FROM verdict WHERE obstacle IS NULL\
         ), known AS (\
             SELECT r.id FROM idempotency_keys r, turn \
             WHERE r.id = $request_id AND r.at > $forgotten AND is_free FOR NO KEY UPDATE OF r\
         ), free AS (\
             SELECT NOT EXISTS (SELECT FROM api_keys WHERE id = $id) \
                 AND NOT EXISTS (SELECT FROM api_keys WHERE digest IN ($digest, $aside)) \
                 AND NOT EXISTS (SELECT FROM api_keys WHERE previous_digest = $digest) AS is_new \
             FROM turn WHERE is_free AND NOT EXISTS (SELECT FROM known)\
         ), old AS (\
             SELECT r.id FROM idempotency_keys r, free \
             WHERE r.at <= $forgotten AND r.id <> $request_id ORDER BY r.at LIMIT {FORGOTTEN_AT_ONCE} \
             FOR UPDATE OF r SKIP LOCKED\
         ), gone AS (\
             DELETE FROM idempotency_keys r USING old WHERE r.id = old.id\
         ), remembered AS (\
             INSERT INTO idempotency_keys AS r ({names}, key_id, at, answered) \
             SELECT {parameters}, $id, $event_at, $answered FROM free WHERE is_new \
             ON CONFLICT (id) DO UPDATE SET (asked, nonce, pepper_id, key_id, at, answered) = \
                 ROW (excluded.asked, excluded.nonce, excluded.pepper_id, excluded.key_id, excluded.at, excluded.answered) \
             WHERE r.at <= $forgotten RETURNING r.id\
         )"
    )
}

static FIND: LazyLock<Statement> = LazyLock::new(|| {
    let query = format!("SELECT true AS found, {}", select_repeated());
    Statement::new(operation::INSERT_KEY, &answer(&columns_of_repeated(), &query))
});

/// A request that is to be done once, at a time, with its key as it is to be answered.
pub(crate) struct Once<'r> {
    pub(crate) record: &'r IdempotencyRecord,
    pub(crate) key: &'r ApiKey,
    pub(crate) at: Timestamp,
}

impl Once<'_> {
    /// Runs a statement with [`remember`], which answers the column `obstacle`.
    pub(crate) async fn run<T: From<Insertion>>(
        &self,
        pool: &Pool,
        statement: &Statement,
        values: Values<'_>,
        read: impl FnOnce(&[Row]) -> Result<T, Failure>,
    ) -> Result<T, Unavailable> {
        let Self { record, key, at } = self;
        let (turn, answered) = (turn(record), Answered((*key).clone()));
        let forgotten = IdempotencyRecord::forgotten(*at);
        let values = values.record(OF_REQUEST, *record).and("turn", &turn);
        let values = values.and("answered", &answered).and("forgotten", &forgotten);
        let read = |rows: &[Row]| if is_repeated(rows)? { Ok(None) } else { read(rows).map(Some) };
        if let Some(done) = pool.run(statement, values, read).await? {
            return Ok(done);
        }
        let values = Values::of("request_id", &record.id).and("forgotten", &forgotten);
        let before = pool.run(&FIND, values.and("organization_id", &key.organization_id), found).await?;
        let before =
            before.ok_or_else(|| Unavailable::new("postgres", "the record has just been forgotten"))?;
        Ok(Insertion::Repeated(Box::new(before)).into())
    }
}

/// What the lock of a request is called: some of the bits of its id.
fn turn(record: &IdempotencyRecord) -> i64 {
    record.id.first_chunk().map_or(0, |start| i64::from_be_bytes(*start))
}

fn is_repeated(rows: &[Row]) -> Result<bool, Failure> {
    Ok(rows::only(rows)?.field::<Option<String>>("obstacle")?.as_deref() == Some(REPEATED))
}

fn found(rows: &[Row]) -> Result<Option<Repeated>, Failure> {
    rows.first().map(|row| repeated(&Answer(row))).transpose().map_err(Failure::from)
}
