//! The reference model passes the suite itself.

use capykeys_conformance::{Store, conformance_suite, model::ModelStore};

conformance_suite!(fresh);

/// It may read through all that it has: it is there to be read itself.
async fn fresh() -> Store {
    let model = ModelStore::default();
    let spoiled = model.clone();
    Store::new(model.clone(), ())
        .driven_by(model.clock())
        .spoiled_by(move |id, _| spoiled.spoil(id))
        .reads_are_tested_elsewhere()
}
