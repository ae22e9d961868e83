//! Which server answers: every statement judges by itself that it is the primary of the newest line
//! of history, since behind a pooler or a proxy each can lead to another server.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use capykeys_domain::ports::{Epoch, NewestEpoch};
use capykeys_storage::Columns;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{failure::Failure, statement::Statement};

/// The id of the line of history, in each row of an answer.
pub(crate) const LINE_ID: &str = "line_id";

/// Has the commit of the statement that it is in wait for the disk, and for the standbys that the server waits for at
/// all. Said in the statement itself: a role or a database may be set to less, and an old primary whose standbys have
/// gone over to another would renew registrations by commits that nobody else has.
macro_rules! kept {
    () => {
        "set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
             WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, "
    };
}
/// For the statement's own transaction.
const KEPT: &str = concat!(kept!(), "true)");
/// For what is committed on a connection from now on.
pub(crate) const KEPT_IN_SESSION: &str = concat!("SELECT ", kept!(), "false)");

/// An entry in the server's log that no table knows of, and for which no right is needed: with it a commit is one.
const ENTRY: &str = "pg_logical_emit_message(true, 'capykeys', '') IS NOT NULL";

/// Commits on the line and changes nothing.
pub(crate) static COMMIT: LazyLock<Statement> =
    LazyLock::new(|| Statement::of_value("settle_line", "", "true").kept());

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
    /// The same before a statement whose commit has to stay. On another line it is a commit whatever the statement does.
    with_line_kept: Arc<str>,
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

    /// A line is the newest only once somebody has committed on it and was told so, and this process sees that by a
    /// commit of its own: `is_kept`, whose answer comes after it. The row of a line can be seen without having reached
    /// a standby, where the wait for one was cancelled. Were it the newest then, and were another standby promoted that
    /// has everything but it, no server would be believed any more.
    fn follow(&self, asked: Option<Epoch>, is_kept: bool, told: Epoch) -> Result<(), Failure> {
        let newest = &mut self.state().newest;
        if !is_kept && newest.epoch() == asked && newest.epoch() != Some(told) {
            return Err(Failure::Unsettled);
        }
        if newest.admits(asked, told) { Ok(()) } else { Err(Failure::Superseded) }
    }

    /// Takes the rows that answer the statement itself, where the answer counts.
    pub(crate) fn judge(
        &self,
        asking: &Asking,
        is_kept: bool,
        mut rows: Vec<Row>,
    ) -> Result<Vec<Row>, Failure> {
        let first = rows.first().ok_or(Failure::NoLine)?;
        self.follow(asking.newest, is_kept, line_of(first)?)?;
        rows.retain(|row| matches!(row.try_get(2), Ok(Some(true))));
        Ok(rows)
    }
}

fn line_of(row: &Row) -> Result<Epoch, Failure> {
    Ok(Epoch {
        number: row.try_get(0).map_err(|_| Failure::UnreadableRow)?,
        id: row.try_get::<_, Uuid>(1).map_err(|_| Failure::UnreadableRow)?.into_bytes(),
    })
}

impl Asking {
    fn new(newest: Option<Epoch>) -> Self {
        // The values are our own and hold nothing to be escaped. As literals they leave the numbers of
        // the parameters to the statements.
        let seen = newest.map_or_else(
            || "NULL, NULL".to_owned(),
            |Epoch { number, id }| format!("{number}, '{}'", Uuid::from_bytes(id)),
        );
        let with_line = |more: &str| {
            format!("WITH line AS MATERIALIZED (SELECT number, id FROM current_line({seen}){more})")
        };
        let begin = format!(
            "INSERT INTO history_lines (number, id, server_started, feed_file) \
             SELECT COALESCE(max(number), 0) + 1, gen_random_uuid(), pg_postmaster_start_time(), \
                 pg_relation_filepath('changes') \
             FROM {KEPT} LEFT JOIN history_lines ON true \
             HAVING NOT EXISTS (SELECT FROM current_line(NULL, NULL)) \
                 AND (count(*) FILTER (WHERE (number, id) = ({seen})) > 0 OR {first}) \
             ON CONFLICT DO NOTHING RETURNING number, id, false",
            first = newest.is_none()
        );
        let id = newest.map_or_else(
            || "NULL::uuid".to_owned(),
            |Epoch { id, .. }| format!("'{}'::uuid", Uuid::from_bytes(id)),
        );
        let kept = with_line(&format!(
            ", {KEPT} WHERE CASE WHEN id IS DISTINCT FROM {id} THEN {ENTRY} ELSE true END"
        ));
        let (with_line, with_line_kept) = (with_line(""), kept);
        Self {
            newest,
            with_line: with_line.into(),
            with_line_kept: with_line_kept.into(),
            begin: begin.into(),
        }
    }

    /// The whole of a statement.
    pub(crate) fn statement(&self, statement: &Statement) -> String {
        [self.with_line(statement), statement.text.as_str()].concat()
    }

    fn with_line(&self, statement: &Statement) -> &str {
        if statement.is_kept { &self.with_line_kept } else { &self.with_line }
    }

    /// Whether the answer is of the line that was asked with.
    pub(crate) fn is_told_by(&self, row: &Row) -> bool {
        line_of(row).is_ok_and(|told| Some(told) == self.newest)
    }

    /// Whether this is asked with the same line as the other.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        self.newest == other.newest
    }

    /// The same with a parameter more, that of this number: where it is not `mark`, there is no line.
    pub(crate) fn guarded(&self, statement: &Statement, parameter: usize, mark: i64) -> String {
        let (with_line, guard) = (self.with_line(statement), if statement.is_kept { "AND" } else { "WHERE" });
        let with_line = with_line.strip_suffix(')').unwrap_or_default();
        format!("{with_line} {guard} ${parameter} = {mark}){}", statement.text)
    }
}
