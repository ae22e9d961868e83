//! The databases of a cluster.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use crate::Cluster;

impl Cluster {
    /// Creates an empty database and gives its name back, which no other has.
    #[must_use]
    pub fn create_database(&self) -> String {
        self.create_database_from("template1")
    }

    /// Creates a copy of the database `template`, to which nobody may be connected.
    ///
    /// On a single-threaded runtime the tasks that drive connections stand still meanwhile: one to
    /// the template must have ended before, not merely been told to.
    #[must_use]
    pub fn create_database_from(&self, template: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.execute("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template}"));
        name
    }

    /// Runs statements in `database` as the superuser.
    ///
    /// # Panics
    /// Where one fails.
    pub fn execute(&self, database: &str, statements: &str) {
        execute(&self.url(database), statements);
    }
}

/// Runs statements on the database with this address.
pub(crate) fn execute(url: &str, statements: &str) {
    let run = async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        let driver = tokio::spawn(connection);
        client.batch_execute(statements).await?;
        // Until the server has closed the connection, the database counts as being in use.
        drop(client);
        driver.await.expect("the connection's task")
    };
    // On a thread of its own, because a runtime cannot be entered within another.
    let result: Result<(), tokio_postgres::Error> = thread::scope(|scope| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        scope.spawn(move || runtime.block_on(run)).join().expect("the thread of the statements")
    });
    if let Err(error) = result {
        panic!("{statements}: {error:?}");
    }
}
