//! Which server answers: every statement judges by itself that it is the primary of the newest line
//! of history, since behind a pooler or a proxy each can lead to another server.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use capykeys_domain::ports::{Epoch, NewestEpoch};
use capykeys_storage::Columns;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::failure::Failure;

/// The id of the line of history, in each row of an answer.
pub(crate) const LINE_ID: &str = "line_id";

/// What a statement ends with: the line, and beside it the rows of the query, which has `true AS found`
/// and these columns. Without rows there is the line alone; without a line there is nothing at all.
pub(crate) fn answer(columns: &Columns, query: &str) -> String {
    let own = Columns::named(&["found"]).with(columns.clone()).again("answer");
    format!(
        " SELECT line.number AS line_number, line.id AS {LINE_ID}, {own} \
         FROM line LEFT JOIN LATERAL ({query}) answer ON true"
    )
}

/// The newest line that this process has seen, on whichever connection.
#[derive(Debug, Default)]
pub(crate) struct Line(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    newest: NewestEpoch,
    /// What is asked for the newest line.
    asking: Option<Asking>,
}

/// How a statement is asked: with the newest line that was known then.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    newest: Option<Epoch>,
    /// What comes before a statement: `line` is the current line of the server, or empty where that
    /// is a standby, or does not have the newest line in its past, or has none yet.
    with_line: Arc<str>,
    /// Begins a line where the last is not current, unless the server does not have the newest.
    pub(crate) begin: Arc<str>,
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the next statement is to be asked.
    pub(crate) fn asking(&self) -> Asking {
        let state = &mut *self.state();
        let newest = state.newest.epoch();
        let asking = state.asking.take().filter(|asking| asking.newest == newest);
        state.asking.insert(asking.unwrap_or_else(|| Asking::new(newest))).clone()
    }

    /// Takes the rows that answer the statement itself, where the answer counts.
    pub(crate) fn judge(&self, asking: &Asking, mut rows: Vec<Row>) -> Result<Vec<Row>, Failure> {
        let first = rows.first().ok_or(Failure::NoLine)?;
        let line = Epoch {
            number: first.try_get(0).map_err(|_| Failure::UnreadableRow)?,
            id: first.try_get::<_, Uuid>(1).map_err(|_| Failure::UnreadableRow)?.into_bytes(),
        };
        if !self.state().newest.admits(asking.newest, line) {
            return Err(Failure::Superseded);
        }
        rows.retain(|row| matches!(row.try_get(2), Ok(Some(true))));
        Ok(rows)
    }
}

impl Asking {
    fn new(newest: Option<Epoch>) -> Self {
        // The values are our own and hold nothing to be escaped. As literals they leave the numbers of
        // the parameters to the statements.
        let seen = newest.map_or_else(
            || "NULL, NULL".to_owned(),
            |Epoch { number, id }| format!("{number}, '{}'", Uuid::from_bytes(id)),
        );
        let with_line = format!("WITH line AS MATERIALIZED (SELECT number, id FROM current_line({seen}))");
        let begin = format!(
            "INSERT INTO history_lines (number, id, server_started, feed_file) \
             SELECT COALESCE(max(number), 0) + 1, gen_random_uuid(), pg_postmaster_start_time(), \
                 pg_relation_filepath('changes') \
             FROM history_lines \
             HAVING NOT EXISTS (SELECT FROM current_line(NULL, NULL)) \
                 AND (count(*) FILTER (WHERE (number, id) = ({seen})) > 0 OR {first}) \
             ON CONFLICT DO NOTHING",
            first = newest.is_none()
        );
        Self { newest, with_line: with_line.into(), begin: begin.into() }
    }

    /// The whole of a statement.
    pub(crate) fn statement(&self, statement: &str) -> String {
        [&*self.with_line, statement].concat()
    }

    /// The same with a parameter more, that of this number: where it is not `mark`, there is no line.
    pub(crate) fn guarded(&self, statement: &str, parameter: usize, mark: i64) -> String {
        let with_line = self.with_line.strip_suffix(')').unwrap_or_default();
        format!("{with_line} WHERE ${parameter} = {mark}){statement}")
    }
}
