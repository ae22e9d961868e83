//! The pool of connections: deadlines, and what is done with a connection that cannot be trusted.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Metrics, Object, Pool as Connections, QueueMode,
    RecyclingMethod, Runtime, Timeouts,
};
use scopeguard::ScopeGuard;
use tokio::{
    runtime::Handle,
    time::{timeout, timeout_at},
};
use tokio_postgres::{
    Config, Row,
    types::{ToSql, Type},
};

use crate::{
    connector::Connector,
    failure::Failure,
    line::Line,
    schema,
    settings::{PostgresSettings, SettingsError},
    tls::Tls,
};

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
    connections: Connections,
    connector: Connector,
    config: Config,
    deadline: Duration,
    trust: Arc<Trust>,
    line: Arc<Line>,
}

impl Pool {
    /// Does no I/O. Pools that share a line believe no server that is behind what any has seen.
    pub(crate) fn new(
        settings: &PostgresSettings,
        runtime: Handle,
        line: Arc<Line>,
    ) -> Result<Self, SettingsError> {
        let config = settings.driver_config()?;
        let connector = Connector { runtime, tls: Tls::for_config(&config)? };
        let trust = Arc::new(Trust::default());
        // `Fast`: whether a connection is alive is the business of our own hook.
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(config.clone(), connector.clone(), recycling);
        let deadline = settings.deadline;
        let connections = Connections::builder(manager)
            .max_size(settings.pool_size)
            // Last in, first out: those in use stay fresh.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            // Whoever gets a connection late must have time left to use it. Else, where more is asked
            // for than can be done, each operation runs into its deadline in the middle of a statement,
            // which costs its connection, and next to nothing gets done at all.
            .timeouts(Timeouts { wait: Some(deadline / 3), create: Some(deadline), recycle: Some(deadline) })
            .post_create(schema_hook())
            .pre_recycle(liveness_hook(Arc::clone(&trust), deadline / 4))
            .build()
            .map_err(|_| SettingsError::Zero)?;
        Ok(Self { connections, connector, config, deadline, trust, line })
    }

    /// The line that this pool shares with others.
    pub(crate) const fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// Runs one statement in one round trip and gives its rows back, all within the deadline. It
    /// follows `WITH line AS (…)` and ends with [`answer!`](crate::line::answer): a server that does
    /// not have the newest line of history does nothing and gives no answer.
    pub(crate) async fn run(&self, statement: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Failure> {
        let end = tokio::time::Instant::now() + self.deadline;
        match self.ask(end, statement, params).await {
            // Nothing was done: the server's line may have to be begun, or the next one has it.
            Err(Failure::NoLine) => {
                let begun = self.begin_line(end).await;
                let outcome = self.ask(end, statement, params).await;
                match (outcome, begun) {
                    (Err(Failure::NoLine), Err(failure)) => Err(failure),
                    (outcome, _) => outcome,
                }
            }
            outcome => outcome,
        }
    }

    async fn ask(&self, end: End, statement: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Failure> {
        let asking = self.line.asking();
        let statement = asking.statement(statement);
        let outcome = self.run_once(end, &statement, params, |rows| self.line.judge(&asking, rows)).await;
        if matches!(outcome, Err(Failure::NoLine | Failure::Superseded)) {
            // The others may lead to the same server.
            self.trust.end_before(Instant::now());
        }
        outcome
    }

    async fn begin_line(&self, end: End) -> Result<(), Failure> {
        self.run_once(end, &self.line.asking().begin, &[], Ok).await.map(drop)
    }

    async fn run_once(
        &self,
        end: End,
        statement: &str,
        params: &[Param<'_>],
        judge: impl FnOnce(Vec<Row>) -> Result<Vec<Row>, Failure>,
    ) -> Result<Vec<Row>, Failure> {
        let connection = timeout_at(end, self.connections.get()).await.map_err(|_| Failure::Timeout)??;
        let start = Instant::now();
        timeout_at(end, run_on(connection, statement, params, judge)).await.unwrap_or_else(|_| {
            self.trust.end_before(start);
            Err(Failure::Timeout)
        })
    }

    /// Checks the schema on a connection beside the pool, which would not open one to a database
    /// with another schema.
    pub(crate) async fn check_schema(&self) -> Result<(), schema::SchemaError> {
        const OPERATION: &str = "connect";
        let attempt = async {
            let (client, driver) = self
                .connector
                .open(&self.config)
                .await
                .map_err(|error| Failure::from(error).during(OPERATION))?;
            let _driver = scopeguard::guard(driver, |driver| driver.abort());
            schema::check(&client).await
        };
        match timeout(self.deadline, attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Timeout.during(OPERATION).into()),
        }
    }
}

/// Unless the statement ends cleanly, the connection does not go back to the pool: not after an
/// error, and not when this future is dropped in the middle of it.
async fn run_on(
    connection: Object,
    statement: &str,
    params: &[Param<'_>],
    judge: impl FnOnce(Vec<Row>) -> Result<Vec<Row>, Failure>,
) -> Result<Vec<Row>, Failure> {
    let connection = scopeguard::guard(connection, |unclean| drop(Object::take(unclean)));
    let outcome = connection.query_typed(statement, params).await.map_err(Failure::from).and_then(judge);
    // A violated constraint is an answer too, and leaves the connection as it was.
    if outcome.as_ref().err().is_none_or(Failure::is_constraint) {
        drop(ScopeGuard::into_inner(connection));
    }
    outcome
}

/// From when on connections are trusted: those last used before it may lead nowhere.
///
/// When the network or the server has silently gone, every connection of the pool is dead at once.
/// The first that shows it condemns the others, so that they are not tried one after the other.
#[derive(Default)]
struct Trust(Mutex<Option<Instant>>);

impl Trust {
    fn end_before(&self, time: Instant) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *since = (*since).max(Some(time));
    }

    fn includes(&self, last_used: Instant) -> bool {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) <= Some(last_used)
    }
}

/// A new connection is used only where the schema is the one that this program knows.
fn schema_hook() -> Hook {
    Hook::async_fn(|connection: &mut ClientWrapper, _: &Metrics| {
        Box::pin(async move {
            schema::check(connection).await.map_err(|error| HookError::message(error.to_string()))
        })
    })
}

/// A connection that has been idle must answer within `limit`.
fn liveness_hook(trust: Arc<Trust>, limit: Duration) -> Hook {
    Hook::async_fn(move |connection: &mut ClientWrapper, metrics: &Metrics| {
        let trust = Arc::clone(&trust);
        let last_used = metrics.recycled.unwrap_or(metrics.created);
        Box::pin(async move {
            if connection.is_closed() || !trust.includes(last_used) {
                return Err(HookError::message("gone"));
            }
            let start = Instant::now();
            if start.duration_since(last_used) < FRESH {
                return Ok(());
            }
            let Ok(answer) = timeout(limit, connection.simple_query("")).await else {
                trust.end_before(start);
                return Err(HookError::message("silent"));
            };
            answer.map(drop).map_err(HookError::Backend)
        })
    })
}
