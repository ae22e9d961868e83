//! What runs a connection, and hears what the server says beside its answers.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinHandle,
};
use tokio_postgres::{AsyncMessage, Connection, error::DbError};

/// The task of a connection, which ends with it, and when this is dropped.
#[derive(Debug)]
pub(crate) struct Driver {
    task: JoinHandle<()>,
    unreplicated: Arc<AtomicBool>,
}

impl Driver {
    /// On the current runtime.
    pub(crate) fn spawn<S, T>(connection: Connection<S, T>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let unreplicated = Arc::new(AtomicBool::new(false));
        Self { task: tokio::spawn(drive(connection, Arc::clone(&unreplicated))), unreplicated }
    }

    /// Whether the server has told, since this was asked last, that a commit has not reached a standby. It is told
    /// before the statement's end, so whoever is told of that finds it here.
    pub(crate) fn take_unreplicated(&self) -> bool {
        self.unreplicated.swap(false, Ordering::AcqRel)
    }

    /// Comes back when the connection has ended.
    pub(crate) async fn ended(&mut self) {
        let _ = (&mut self.task).await;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Until the connection ends. Its operations learn of the end themselves.
async fn drive<S, T>(mut connection: Connection<S, T>, unreplicated: Arc<AtomicBool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) if is_of_a_wait_that_was_cancelled(&notice) => {
                unreplicated.store(true, Ordering::Release);
            }
            Ok(_) => {}
            Err(_) => return tracing::debug!("a connection to PostgreSQL ended"),
        }
    }
}

/// The commit is there, and its wait for the standbys was ended by somebody: the statement succeeds, and this
/// warning is all that the server says of it. Its words are in the server's language, the function's name is not; a
/// proxy that leaves the name out speaks English.
fn is_of_a_wait_that_was_cancelled(notice: &DbError) -> bool {
    notice.routine() == Some("SyncRepWaitForLSN") || notice.message().contains("synchronous replication")
}
