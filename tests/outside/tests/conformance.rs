//! The adapter keeps what the ports promise.

use std::sync::Arc;

use capykeys_conformance::{Store, conformance_suite};
use outside::CountingKeys;

conformance_suite!(fresh);

async fn fresh() -> Store {
    let own = CountingKeys::default();
    let (engine, spoiled) = (own.engine.clone(), own.engine.clone());
    let mut store = Store::new(engine.clone(), ())
        .driven_by(engine.clock())
        .spoiled_by(move |id, _| spoiled.spoil(id))
        .reads_are_tested_elsewhere();
    // One port is this team's, the others are the engine's.
    store.keys = Arc::new(own);
    store
}
