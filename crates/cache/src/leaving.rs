//! The end of a replica.

use capykeys_domain::ports::Unavailable;
use tokio::time::sleep;

use crate::{VerificationCache, cache::Inner};

impl VerificationCache {
    /// Lets nobody wait for this replica any more, once what it has told may no longer be acted on. To
    /// be called when nobody asks it any more and the feed is not followed: it takes a lease no more.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time: then the others find out by themselves.
    pub async fn leave(&self) -> Result<(), Unavailable> {
        let Inner { id, store, clock, .. } = &*self.0;
        let over = {
            let machine = self.0.read();
            machine.lease_until().max(machine.kept_until())
        };
        let registered = store.registry.registry().await?.replicas.into_iter().find(|one| one.id == *id);
        let Some(registered) = registered else { return Ok(()) };
        if store.registry.retire(*id, registered.renewals).await? {
            sleep(over.since(clock.now())).await;
            store.registry.forget(*id, registered.renewals).await?;
        }
        Ok(())
    }
}
