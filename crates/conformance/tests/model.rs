//! The reference model passes the suite itself.

use capykeys_conformance::{Store, conformance_suite, model::ModelStore};

conformance_suite!(fresh);

async fn fresh() -> Store {
    Store::new(ModelStore::default(), ())
}
