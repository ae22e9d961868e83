//! Whether verdicts can be given.

use std::sync::Arc;

use async_trait::async_trait;
use capykeys_domain::ports::{Readiness, Unavailable};

use crate::VerificationCache;

/// That of a store, as far as this replica's registration there is good: without it there is no verdict, whatever the
/// store answers.
pub struct RegisteredReadiness {
    cache: VerificationCache,
    store: Arc<dyn Readiness>,
}

impl RegisteredReadiness {
    /// Of the store that this cache is in front of.
    #[must_use]
    pub const fn new(cache: VerificationCache, store: Arc<dyn Readiness>) -> Self {
        Self { cache, store }
    }
}

#[async_trait]
impl Readiness for RegisteredReadiness {
    async fn check_readiness(&self) -> Result<(), Unavailable> {
        // What the store says first: it may have the reason.
        self.store.check_readiness().await?;
        let Self { cache, .. } = self;
        let registered = cache.now() < cache.0.read().registered_until();
        if registered { Ok(()) } else { Err(cache.0.outdated("registration")) }
    }
}
