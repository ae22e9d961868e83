//! What PostgreSQL itself says, asked past the service.

use std::{
    future::Future,
    thread,
    time::{Duration, Instant, SystemTime},
};

use capykeys_tests::{clock, wait};
use tokio::{runtime, task::JoinHandle};
use tokio_postgres::{Client, Error, NoTls, Row, types::ToSql};

/// What the promise's judge needs of the server: when each transaction was committed, and how often
/// each statement was executed.
pub(crate) const SETTINGS: &str = "track_commit_timestamp = on\n\
     shared_preload_libraries = 'pg_stat_statements'\npg_stat_statements.track = top\n";

/// Between two tries to connect.
const RETRY: Duration = Duration::from_millis(5);

/// A connection beside the service, for blocking code.
pub(crate) struct Session {
    runtime: runtime::Runtime,
    client: Client,
    _driver: JoinHandle<()>,
}

impl Session {
    /// Connects to the database with this address.
    pub(crate) fn open(url: &str) -> Result<Self, Error> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (client, driver) = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            let driver = tokio::spawn(async {
                let _ = connection.await;
            });
            Ok((client, driver))
        })?;
        Ok(Self { runtime, client, _driver: driver })
    }

    /// The same, tried until the server is there.
    pub(crate) fn open_patiently(url: &str, limit: Duration) -> Self {
        wait::until("PostgreSQL accepts connections", limit, || Self::open(url).ok())
    }

    pub(crate) fn try_query(
        &self,
        statement: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.block_on(self.client.query(statement, params))
    }

    /// The same; none where there is no answer in time.
    pub(crate) fn query_within(
        &self,
        limit: Duration,
        statement: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Option<Vec<Row>> {
        let query = async { tokio::time::timeout(limit, self.client.query(statement, params)).await };
        self.block_on(query).ok()?.ok()
    }

    /// The one row that a statement gives.
    #[track_caller]
    pub(crate) fn row(&self, statement: &str, params: &[&(dyn ToSql + Sync)]) -> Row {
        self.block_on(self.client.query_one(statement, params)).expect("one row")
    }

    /// Runs statements without parameters.
    #[track_caller]
    pub(crate) fn run(&self, statements: &str) {
        self.block_on(self.client.batch_execute(statements)).expect("statements that work");
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

/// When something was committed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commit {
    /// As the server noted it: right before it wrote the commit down, so a little before anybody
    /// could see it.
    pub(crate) noted: Instant,
    /// When somebody had seen it, right after it could be seen.
    pub(crate) visible_by: Instant,
}

/// Waits until there is an event that `of_event` finds in the feed (a condition on `changes` alone,
/// which may hold `$1`), and says when it was committed.
///
/// Asks without pause: the less, the later `visible_by` is. Where the server goes away, it is asked
/// again when it is back.
pub(crate) fn watch(url: &str, of_event: &str, param: &(dyn ToSql + Sync), limit: Duration) -> Commit {
    let statement = format!("SELECT pg_xact_commit_timestamp(xmin) FROM changes WHERE {of_event} LIMIT 1");
    let start = Instant::now();
    let mut session = None;
    loop {
        assert!(start.elapsed() < limit, "no such change within {limit:?}: {of_event}");
        let current: &Session = match &session {
            Some(session) => session,
            None => session.insert(Session::open_patiently(url, limit)),
        };
        if let Ok(rows) = current.try_query(&statement, &[param]) {
            let visible_by = Instant::now();
            if let Some(row) = rows.first() {
                return Commit { noted: instant(row.get(0)).min(visible_by), visible_by };
            }
        } else {
            session = None;
            thread::sleep(RETRY);
        }
    }
}

/// The instant at which the machine's clock showed this.
pub(crate) fn instant(time: SystemTime) -> Instant {
    let (instant, now) = (Instant::now(), SystemTime::from(clock::now()));
    match now.duration_since(time) {
        Ok(ago) => instant.checked_sub(ago).expect("a time since the start of the machine"),
        Err(ahead) => instant + ahead.duration(),
    }
}
