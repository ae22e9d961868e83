//! Databases of PostgreSQL for installations.

use capykeys_testkit::{Cluster, shared};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

/// The address of an empty database of the shared PostgreSQL.
pub fn database_url() -> String {
    database_of(shared())
}

/// The address of an empty database of `cluster`.
pub fn database_of(cluster: &Cluster) -> String {
    cluster.url(&cluster.create_database())
}

/// Runs the statement there; how many rows it changed.
///
/// # Panics
/// Where it fails.
pub fn execute(url: &str, statement: &str) -> u64 {
    let (runtime, client) = connect(url);
    runtime.block_on(client.execute(statement, &[])).expect("the statement is right")
}

/// The texts that the query asks for there.
pub(crate) fn texts(url: &str, query: &str) -> Vec<String> {
    let (runtime, client) = connect(url);
    let rows = runtime.block_on(client.query(query, &[])).expect("the query is right");
    rows.iter().map(|row| row.get(0)).collect()
}

/// A transaction that stays open until this is dropped.
pub struct Transaction {
    _client: Client,
    /// The connection goes with it.
    _runtime: Runtime,
}

/// Begins a transaction there with this statement.
pub fn begin(url: &str, statement: &str) -> Transaction {
    let (runtime, client) = connect(url);
    let begun = runtime.block_on(client.batch_execute(&format!("BEGIN; {statement}")));
    begun.expect("the statement is right");
    Transaction { _client: client, _runtime: runtime }
}

fn connect(url: &str) -> (Runtime, Client) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let (client, connection) =
        runtime.block_on(tokio_postgres::connect(url, NoTls)).expect("the database answers");
    runtime.spawn(connection);
    (runtime, client)
}
