//! How a replica leaves.

use capykeys_domain::ports::Unavailable;
use tokio::time::sleep;

use crate::{VerificationCache, cache::Inner};

impl VerificationCache {
    /// Removes this replica's registration, once nobody may act any more on a verdict that it gave. To be
    /// called when it is asked no more and does not follow the feed, so that it takes no further lease.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time: then the other replicas remove it.
    pub async fn leave(&self) -> Result<(), Unavailable> {
        let Inner { id, store, clock, .. } = &*self.0;
        let over = {
            let machine = self.0.read();
            machine.lease_until().max(machine.kept_until())
        };
        let registered = store.registry.read_registry().await?.replicas.into_iter().find(|one| one.id == *id);
        let Some(registered) = registered else { return Ok(()) };
        if store.registry.retire_replica(*id, registered.renewals).await? {
            sleep(over.since(clock.now())).await;
            store.registry.forget_replica(*id, registered.renewals).await?;
        }
        Ok(())
    }
}
