//! The one thread that writes, and its group commit.

use std::{io, thread, time::Duration};

use capykeys_domain::ports::Unavailable;
use rusqlite::{Connection, TransactionBehavior};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{DEPENDENCY, error::Failure};

/// How many operations are committed together at most.
const MAX_BATCH: usize = 64;
/// How many operations wait at most; more callers wait for a place, within their deadline.
const QUEUE_LENGTH: usize = 4 * MAX_BATCH;
/// How long a caller waits for its operation to be committed, unless it says otherwise.
pub(crate) const DEADLINE: Duration = Duration::from_secs(1);

/// An operation that waits for its turn, whatever it gives back.
type Waiting = Box<dyn Job>;

/// The handle of the thread that writes.
#[derive(Debug)]
pub(crate) struct Writer {
    /// `None` only while it is being dropped.
    queue: Option<mpsc::Sender<Waiting>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on `connection`, which it closes at its end.
    pub(crate) fn start(connection: Connection) -> io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE_LENGTH);
        let thread = thread::Builder::new()
            .name("capykeys-sqlite-writer".to_owned())
            .spawn(move || work(connection, waiting))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Runs `work` in a transaction and comes back when that is committed, or when it is certain
    /// that nothing of it is stored, or, after `deadline`, in ignorance of that. `work` may write
    /// and then fail: what it wrote is undone.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        deadline: Duration,
        operation: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let stopped = || Unavailable::new(DEPENDENCY, format_args!("{operation}: the writer has stopped"));
        let (reply, answer) = oneshot::channel();
        let job = Task { operation, work: Some(work), outcome: None, reply };
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        let committed = async {
            queue.send(Box::new(job)).await.map_err(|_| stopped())?;
            answer.await.map_err(|_| stopped())?
        };
        timeout(deadline, committed).await.unwrap_or_else(|_| {
            Err(Unavailable::new(DEPENDENCY, format_args!("{operation}: not committed in time")))
        })
    }
}

impl Drop for Writer {
    /// Waits until everything in the queue is committed and the connection is closed.
    fn drop(&mut self) {
        drop(self.queue.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the SQLite writer ended with a panic");
        }
    }
}

/// What the thread does until the queue is closed and empty.
fn work(mut connection: Connection, mut waiting: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while waiting.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
        commit(&mut connection, &mut batch);
    }
    // The last connection to close moves the WAL into the database and removes it.
    if let Err((_, error)) = connection.close() {
        tracing::warn!(code = %Failure::from(error), "the SQLite database was not closed cleanly");
    }
}

/// Commits the batch as a whole, then tells every caller what came of its own operation.
fn commit(connection: &mut Connection, batch: &mut Vec<Waiting>) {
    // Nobody is waiting for these any more, and they have not begun.
    batch.retain(|job| !job.is_abandoned());
    if batch.is_empty() {
        return;
    }
    let committed = run(connection, batch).map_err(Failure::from);
    if let Err(failure) = &committed {
        tracing::warn!(code = %failure, operations = batch.len(), "a SQLite transaction was rolled back");
    }
    for job in batch.drain(..) {
        job.answer(committed.as_ref());
    }
}

/// Every error on the way rolls the whole transaction back. One inside an operation rolls back
/// that operation alone, unless SQLite has ended the transaction (as on a full disk): then there
/// is no savepoint to return to, which is an error on the way.
fn run(connection: &mut Connection, batch: &mut [Waiting]) -> rusqlite::Result<()> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in batch {
        // The ones before it may have taken long.
        if job.is_abandoned() {
            continue;
        }
        let mut savepoint = transaction.savepoint()?;
        if !job.run(&savepoint) {
            savepoint.rollback()?;
        }
        savepoint.commit()?;
    }
    transaction.commit()
}

trait Job: Send {
    /// Whether the caller has gone away.
    fn is_abandoned(&self) -> bool;
    /// Does the work and keeps its outcome; whether it may be committed.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Tells the caller the outcome, or why nothing was committed.
    fn answer(self: Box<Self>, committed: Result<&(), &Failure>);
}

struct Task<T, W> {
    operation: &'static str,
    work: Option<W>,
    outcome: Option<Result<T, Failure>>,
    reply: oneshot::Sender<Result<T, Unavailable>>,
}

impl<T, W> Job for Task<T, W>
where
    T: Send,
    W: FnOnce(&Connection) -> Result<T, Failure> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, connection: &Connection) -> bool {
        self.outcome = self.work.take().map(|work| work(connection));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, committed: Result<&(), &Failure>) {
        let answer = match (committed, self.outcome) {
            (Ok(()), Some(Ok(value))) => Ok(value),
            // The operation's own failure says more than that of the transaction it took with it.
            (_, Some(Err(failure))) => Err(failure.during(self.operation)),
            (Err(failure), _) => Err(failure.during(self.operation)),
            (Ok(()), None) => Err(Unavailable::new(DEPENDENCY, "an operation was not run")),
        };
        // The caller may have gone away meanwhile; then nobody needs to know.
        let _ = self.reply.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer = oneshot::Receiver<Result<(), Unavailable>>;

    /// Rows of `child` without their `parent` are noticed at the commit only.
    fn connection() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE parent (id INTEGER PRIMARY KEY);
                 CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);",
            )
            .unwrap();
        connection
    }

    /// A job that runs `sql`, which may be several statements.
    fn job(sql: &'static str) -> (Waiting, Answer) {
        let (reply, answer) = oneshot::channel();
        let work = move |connection: &Connection| Ok(connection.execute_batch(sql)?);
        (Box::new(Task { operation: "test", work: Some(work), outcome: None, reply }), answer)
    }

    fn commit_all<const N: usize>(connection: &mut Connection, sql: [&'static str; N]) -> [bool; N] {
        let (mut batch, answers): (Vec<_>, Vec<_>) = sql.into_iter().map(job).unzip();
        commit(connection, &mut batch);
        let told: Vec<bool> =
            answers.into_iter().map(|mut answer| answer.try_recv().unwrap().is_ok()).collect();
        told.try_into().unwrap()
    }

    fn parents(connection: &Connection) -> Vec<i64> {
        let mut statement = connection.prepare("SELECT id FROM parent ORDER BY id").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn an_operation_that_fails_halfway_is_undone_and_its_neighbours_are_committed() {
        let mut connection = connection();
        let told = commit_all(
            &mut connection,
            [
                "INSERT INTO parent VALUES (1)",
                "INSERT INTO parent VALUES (2); INSERT INTO parent VALUES (1)",
                "INSERT INTO parent VALUES (3)",
            ],
        );
        assert_eq!(told, [true, false, true]);
        assert_eq!(parents(&connection), [1, 3]);
    }

    #[test]
    fn nothing_is_acknowledged_where_the_commit_fails() {
        let mut connection = connection();
        let told =
            commit_all(&mut connection, ["INSERT INTO parent VALUES (1)", "INSERT INTO child VALUES (99)"]);
        assert_eq!(told, [false, false]);
        assert_eq!(parents(&connection), Vec::<i64>::new());
        assert_eq!(commit_all(&mut connection, ["INSERT INTO parent VALUES (2)"]), [true]);
    }

    #[test]
    fn nothing_is_acknowledged_where_an_operation_ends_the_transaction() {
        let mut connection = connection();
        let told = commit_all(
            &mut connection,
            [
                "INSERT INTO parent VALUES (1)",
                "INSERT OR ROLLBACK INTO parent VALUES (1)",
                "INSERT INTO parent VALUES (2)",
            ],
        );
        assert_eq!(told, [false, false, false]);
        assert_eq!(parents(&connection), Vec::<i64>::new());
    }

    #[test]
    fn an_operation_whose_caller_has_gone_is_not_begun() {
        let mut connection = connection();
        let (abandoned, answer) = job("INSERT INTO parent VALUES (1)");
        drop(answer);
        let (waited_for, mut answer) = job("INSERT INTO parent VALUES (2)");
        commit(&mut connection, &mut vec![abandoned, waited_for]);
        assert!(answer.try_recv().unwrap().is_ok());
        assert_eq!(parents(&connection), [2]);
    }

    #[tokio::test]
    async fn dropping_the_writer_commits_what_is_waited_for_in_the_queue() {
        let directory = tempfile::TempDir::new().unwrap();
        let file = directory.path().join("test.db");
        let on_disk = Connection::open(&file).unwrap();
        on_disk.execute_batch("CREATE TABLE parent (id INTEGER PRIMARY KEY)").unwrap();

        let writer = Writer::start(on_disk).unwrap();
        let queue = writer.queue.clone().unwrap();
        let (begun, wait_until_begun) = std::sync::mpsc::channel();
        let (go_on, wait_to_go_on) = std::sync::mpsc::channel();
        let (reply, _held) = oneshot::channel::<Result<(), Unavailable>>();
        let hold = move |_: &Connection| {
            begun.send(()).unwrap();
            wait_to_go_on.recv().unwrap();
            Ok(())
        };
        queue
            .send(Box::new(Task { operation: "hold", work: Some(hold), outcome: None, reply }))
            .await
            .unwrap();
        wait_until_begun.recv().unwrap();
        let (queued, mut answer) = job("INSERT INTO parent VALUES (1)");
        queue.send(queued).await.unwrap();
        drop(queue);
        go_on.send(()).unwrap();
        drop(writer);

        assert!(answer.try_recv().unwrap().is_ok());
        assert_eq!(parents(&Connection::open(&file).unwrap()), [1]);
    }

    #[tokio::test]
    async fn a_caller_is_told_at_its_deadline_that_the_writer_is_too_slow() {
        let writer = Writer::start(connection()).unwrap();
        let (go_on, wait_to_go_on) = std::sync::mpsc::channel::<()>();
        let stuck = writer.write(DEADLINE, "stuck", move |_| {
            let _ = wait_to_go_on.recv();
            Ok(())
        });
        let error = stuck.await.unwrap_err();
        assert_eq!(error.to_string(), "sqlite: stuck: not committed in time");
        drop(go_on);
    }
}
