//! Databases of PostgreSQL for installations.

use capykeys_testkit::{Cluster, shared};
use tokio_postgres::NoTls;

/// The address of an empty database of the shared PostgreSQL.
pub fn database_url() -> String {
    database_of(shared())
}

/// The address of an empty database of `cluster`.
pub fn database_of(cluster: &Cluster) -> String {
    cluster.url(&cluster.create_database())
}

/// Runs the statement there; how many rows it changed.
pub(crate) fn execute(url: &str, statement: &str) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the database answers");
        tokio::spawn(connection);
        client.execute(statement, &[]).await.expect("the statement is right")
    })
}
