//! Readiness.

use crate::Store;

/// A store that is there says so.
pub async fn a_fresh_store_is_ready(store: &Store) {
    store.readiness.check_readiness().await.unwrap();
}
