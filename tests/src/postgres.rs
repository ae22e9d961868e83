//! Databases of PostgreSQL for installations.

use capykeys_testkit::{Cluster, shared};

/// The address of an empty database of the shared PostgreSQL.
pub fn database_url() -> String {
    database_of(shared())
}

/// The address of an empty database of `cluster`.
pub fn database_of(cluster: &Cluster) -> String {
    cluster.url(&cluster.create_database())
}
