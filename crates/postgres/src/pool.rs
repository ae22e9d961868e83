//! The pool of connections: deadlines, and what is done with a connection that cannot be trusted.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use capykeys_domain::ports::Unavailable;
use capykeys_storage::{Operation, Values, count_event};
use deadpool::unmanaged::Object;
use futures_util::TryFutureExt;
use scopeguard::ScopeGuard;
use tokio::{
    runtime::Handle,
    sync::Mutex,
    time::{timeout, timeout_at},
};
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

use crate::{
    audit::WRITTEN,
    connections::{Connections, Family},
    connector::{Connection, Connector},
    failure::Failure,
    line::{Asking, Line},
    measures,
    prepared::{Asked, Preparing},
    settings::PostgresSettings,
    settings_error::SettingsError,
    statement::Statement,
    trust::Trust,
};

mod beside;
mod settle;

/// When an operation has to have ended.
type End = tokio::time::Instant;

/// A parameter of a statement, with its type, so that the server need not be asked for it.
pub(crate) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// A connection that was used this recently is taken to be alive. It saves busy services a round
/// trip an operation; one that dies within that time costs one operation its deadline.
const FRESH: Duration = Duration::from_secs(1);

/// The pool of connections to one database.
#[derive(Clone)]
pub(crate) struct Pool {
    connections: Arc<Connections>,
    runtime: Handle,
    settings: PostgresSettings,
    trust: Arc<Trust>,
    shared: Arc<Shared>,
}

/// What the pools of a store share.
#[derive(Default)]
struct Shared {
    /// They believe no server that is behind what any has seen.
    line: Line,
    /// One at a time finds out whether a newer one is to be followed.
    settling: Mutex<()>,
    /// One that has no connection gets another's, where the server allows no more.
    family: Arc<Family>,
    /// Where statements do not stay for one, they do not for any.
    preparing: Preparing,
}

impl Pool {
    /// Does no I/O. Connections live on `runtime`.
    pub(crate) fn new(settings: &PostgresSettings, runtime: Handle) -> Result<Self, SettingsError> {
        Self::sharing(settings, runtime, Arc::default())
    }

    /// Other connections to the same database.
    pub(crate) fn beside(&self, settings: &PostgresSettings, runtime: Handle) -> Result<Self, SettingsError> {
        Self::sharing(settings, runtime, Arc::clone(&self.shared))
    }

    fn sharing(
        settings: &PostgresSettings,
        runtime: Handle,
        shared: Arc<Shared>,
    ) -> Result<Self, SettingsError> {
        let family = Arc::clone(&shared.family);
        let connector = Connector::new(settings)?;
        let connections = Connections::new(connector, settings.pool_size, runtime.clone(), family);
        measures::observe(settings.application_name, &connections);
        Ok(Self { connections, runtime, settings: settings.clone(), trust: Arc::default(), shared })
    }

    /// The same connections, for operations that may take so long.
    pub(crate) fn with_deadline(&self, deadline: Duration) -> Self {
        Self { settings: PostgresSettings { deadline, ..self.settings.clone() }, ..self.clone() }
    }

    /// How long an operation may take.
    pub(crate) const fn deadline(&self) -> Duration {
        self.settings.deadline
    }

    /// Opens so many connections, for whoever comes first, and does not wait for it.
    pub(crate) fn warm_up(&self, connections: usize) {
        self.connections.open_for(connections);
    }

    /// Runs a statement and reads its rows. A failure says what was being done.
    pub(crate) async fn run<T>(
        &self,
        statement: &Statement,
        values: Values<'_>,
        read: impl FnOnce(&[Row]) -> Result<T, Failure>,
    ) -> Result<T, Unavailable> {
        let rows = self.rows(statement, &values).await;
        rows.and_then(|rows| read(&rows)).map_err(|failure| failure.during(statement.operation))
    }

    /// Runs one statement in one round trip and gives its rows back, all within the deadline. It
    /// follows `WITH line AS (…)` and ends with [`answer`](crate::line::answer): a server that does
    /// not have the newest line of history does nothing and gives no answer.
    ///
    /// Every operation passes here, with its name in [`Statement::operation`].
    pub(crate) async fn rows(&self, statement: &Statement, values: &Values<'_>) -> Result<Vec<Row>, Failure> {
        let operation = Operation::begin("postgresql", statement.operation);
        let rows = operation.complete(Failure::kind, self.rows_in_time(statement, values)).await?;
        // No other answer has the column, and a lookup need not look for it.
        let stores_event = values.get("event_action").is_some();
        if stores_event {
            // A row for each, where there are several.
            let written = rows.iter().take_while(|row| row.try_get(WRITTEN).unwrap_or(false));
            written.for_each(|_| count_event());
        }
        Ok(rows)
    }

    async fn rows_in_time(&self, statement: &Statement, values: &Values<'_>) -> Result<Vec<Row>, Failure> {
        let end = tokio::time::Instant::now() + self.settings.deadline;
        let bound = statement.bind(values)?;
        let params: Vec<Param<'_>> = bound.iter().map(|(value, ty)| (value as _, ty.clone())).collect();
        let params = params.as_slice();
        let (mut outcome, mut settled) = (self.ask(end, statement, params).await, Ok(()));
        // Nothing was done: the server's line may have to be begun, which the connection is kept for. Or the line is not
        // followed yet, and nothing was changed that would be another where it is done again.
        while let Err(failure @ (Failure::NoLine | Failure::Unsettled)) = &outcome {
            measures::count_repeated();
            settled = self.settle(end, failure).await;
            let hangs = matches!(settled, Err(Failure::Timeout | Failure::Unreplicated)) && End::now() < end;
            if hangs {
                // It may have been replaced, and another connection may lead to the one that took its place.
                self.trust.end_before(Instant::now());
            }
            outcome = self.ask(end, statement, params).await;
            if !hangs {
                break;
            }
        }
        if matches!(outcome, Err(Failure::NoLine)) {
            // Another server may have it. The other connections may lead to the same as this one.
            self.trust.end_before(Instant::now());
            measures::count_repeated();
            outcome = self.ask(end, statement, params).await;
            if matches!(outcome, Err(Failure::NoLine)) {
                // Nor is the one that has just answered to be used again: whoever is asked next may know better.
                self.trust.end_before(Instant::now());
            }
        }
        match (outcome, settled) {
            (Err(Failure::NoLine | Failure::Unsettled), Err(failure)) => Err(failure),
            (outcome, _) => outcome,
        }
    }

    async fn ask(&self, end: End, statement: &Statement, params: &[Param<'_>]) -> Result<Vec<Row>, Failure> {
        let asking = self.shared.line.asking();
        let asked = self.asked(asking.statement(statement), Some((&asking, statement)));
        let judge = |rows| self.shared.line.judge(&asking, statement.is_kept, rows);
        let outcome = self.run_once(end, &asked, params, judge).await;
        if matches!(outcome, Err(Failure::Superseded)) {
            self.trust.end_before(Instant::now());
        }
        outcome
    }

    fn asked<'a>(&'a self, text: String, parts: Option<(&'a Asking, &'a Statement)>) -> Asked<'a> {
        Asked { text, parts, setting: self.settings.prepared_statements, preparing: &self.shared.preparing }
    }

    async fn run_once(
        &self,
        end: End,
        asked: &Asked<'_>,
        params: &[Param<'_>],
        judge: impl FnOnce(Vec<Row>) -> Result<Vec<Row>, Failure>,
    ) -> Result<Vec<Row>, Failure> {
        let connection = timeout_at(end, measures::wait(self.settings.application_name, self.connection()));
        let connection = connection.await.map_err(|_| Failure::Timeout)??;
        let start = Instant::now();
        timeout_at(end, self.run_on(connection, asked, params, judge)).await.unwrap_or_else(|_| {
            self.trust.end_before(start);
            Err(Failure::Timeout)
        })
    }

    /// A connection that there is reason to believe in, early enough to be used.
    ///
    /// Whoever gets one late must have time left to use it. Else, where more is asked for than can
    /// be done, each operation runs into its deadline in the middle of a statement, which costs its
    /// connection, and next to nothing gets done at all. Where the pool is still being filled it
    /// is another matter: there are about to be more, and what is asked too late is not lost.
    async fn connection(&self) -> Result<Object<Connection>, Failure> {
        let deadline = self.settings.deadline;
        let patience = if self.connections.is_full() { deadline / 3 } else { deadline * 9 / 10 };
        let end = tokio::time::Instant::now() + patience;
        loop {
            let connection = self.connections.get(end).await?;
            if connection.is_closed() || !self.trust.includes(connection.last_used) {
                self.connections.discard(connection);
                continue;
            }
            let connection = scopeguard::guard(connection, |silent| self.connections.set_aside(silent));
            if self.is_alive(&connection).await {
                return Ok(ScopeGuard::into_inner(connection));
            }
        }
    }

    /// A connection that has been idle must answer, and soon. That takes a round trip: where the
    /// server is so far away that there would be no time left for another try, it is used as it is.
    async fn is_alive(&self, connection: &Connection) -> bool {
        let start = Instant::now();
        let (deadline, round_trips) = (self.settings.deadline, connection.round_trip * 2);
        let limit = round_trips.max(deadline / 4);
        if start.duration_since(connection.last_used) < FRESH || limit + round_trips > deadline {
            return true;
        }
        if let Ok(answer) = timeout(limit, connection.simple_query("")).await {
            return answer.is_ok();
        }
        self.trust.end_before(start);
        false
    }

    /// Unless the statement ends cleanly, the connection does not go back to the pool: not after an
    /// error, and where this future is dropped in the middle of it, not before the statement has ended.
    async fn run_on(
        &self,
        connection: Object<Connection>,
        asked: &Asked<'_>,
        params: &[Param<'_>],
        judge: impl FnOnce(Vec<Row>) -> Result<Vec<Row>, Failure>,
    ) -> Result<Vec<Row>, Failure> {
        let mut connection = scopeguard::guard(connection, |doubtful| self.connections.set_aside(doubtful));
        // What an earlier statement was warned of, for which nobody waited any more, is not this one's.
        connection.take_unreplicated();
        let answered = connection.ask(asked, params).await.map_err(Failure::from);
        let outcome = match answered {
            Ok(_) if connection.take_unreplicated() => Err(Failure::Unreplicated),
            answered => answered.and_then(judge),
        };
        let mut connection = ScopeGuard::into_inner(connection);
        if outcome.as_ref().err().is_none_or(Failure::is_an_answer) {
            connection.last_used = Instant::now();
        } else {
            self.connections.discard(connection);
        }
        outcome
    }

    /// Goes on to its end, also where nobody waits for it any more.
    fn on_runtime<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = Result<T, Failure>> {
        self.runtime.spawn(work).map_err(|_| Failure::Connection("no runtime".to_owned()))
    }
}
