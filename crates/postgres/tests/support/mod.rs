//! A migrated database for each test.

use std::time::Duration;

use capykeys_postgres::{PostgresSettings, PostgresStore, migrate};
use capykeys_testkit::{Cluster, shared};
use tokio::{runtime::Handle, sync::OnceCell};

/// Longer than a loaded machine may need, for tests of something else than the deadline.
const PATIENT: Duration = Duration::from_secs(20);

/// Settings that wait long.
pub(crate) fn patient(url: String) -> PostgresSettings {
    PostgresSettings { deadline: PATIENT, ..PostgresSettings::new(url) }
}

/// A migrated database of the shared server that nobody else uses.
pub(crate) async fn database() -> String {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(|| migrated(shared())).await;
    shared().create_database_from(template)
}

/// A new migrated database of `cluster`.
pub(crate) async fn migrated(cluster: &Cluster) -> String {
    let name = cluster.create_database();
    migrate(&patient(cluster.url(&name))).await.unwrap();
    name
}

/// The store in there, with its connections on the current runtime.
pub(crate) fn store(settings: &PostgresSettings) -> PostgresStore {
    PostgresStore::new(settings, Handle::current()).unwrap()
}
