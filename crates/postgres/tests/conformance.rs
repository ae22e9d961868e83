//! The PostgreSQL adapter is what every storage adapter must be.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use capykeys_conformance::Store;
use capykeys_testkit::shared;

capykeys_conformance::conformance_suite!(fresh);

async fn fresh() -> Store {
    let database = support::database().await;
    Store::new(support::store(&support::patient(shared().url(&database))), ())
}
