//! Creating a key whose secret was made elsewhere.

use alloc::sync::Arc;
use core::time::Duration;

use super::{
    CreateKeyError, Management, Verdicts,
    create_key::{Stored, StoredSecret},
};
use crate::{
    model::{ApiKey, Brought, KeySpec, OrganizationId, RequestContext},
    policy::{CreateKey, Permit},
    ports::{Change, FoundKey, Unavailable},
    secret::{BroughtDigest, BroughtSecret},
};

impl Management {
    /// Creates a key with a secret of which its hash alone is known here, within the permit's ceiling. When this comes
    /// back the key is good at every replica, also where somebody has asked for it before.
    ///
    /// # Errors
    /// [`CreateKeyError`].
    pub async fn bring_key(
        &self,
        permit: &Permit<CreateKey>,
        spec: &KeySpec,
        secret: &BroughtSecret,
        verdicts: &Verdicts,
        context: &RequestContext,
    ) -> Result<ApiKey, CreateKeyError> {
        let may = permit.action().ceiling.check(spec).is_ok();
        if may && verdicts.find_brought(&secret.digest).await?.is_some() {
            return Err(CreateKeyError::Taken);
        }
        let key = self.store_brought(permit, spec, secret, context).await?;
        self.until_brought(key.organization_id).await;
        Ok(key)
    }

    /// The same without waiting for anybody. That the secret is another key's is noticed under the pepper of new keys
    /// alone: [`Verdicts::find_brought`] looks under all.
    ///
    /// # Errors
    /// [`CreateKeyError`].
    pub async fn store_brought(
        &self,
        permit: &Permit<CreateKey>,
        spec: &KeySpec,
        secret: &BroughtSecret,
        context: &RequestContext,
    ) -> Result<ApiKey, CreateKeyError> {
        let stored = StoredSecret {
            prefix: secret.prefix.clone(),
            digest: self.environment.digest_of_brought(&secret.digest)?,
            brought: Some(Brought),
            // Whoever sends it again is told that the secret is taken.
            idempotency: None,
        };
        match self.store_key(permit, spec, stored, context).await? {
            Stored::Now(key) => Ok(*key),
            Stored::Before(_) => {
                Err(Unavailable::new("store", "remembers a request that was not named").into())
            }
        }
    }

    /// Comes back when every replica takes the keys that were brought before this was called, of whichever organizations.
    pub async fn until_brought(&self, any: OrganizationId) {
        self.replicas.until_obeyed(Change::Brought(any)).await;
    }
}

impl Verdicts {
    /// The key with this secret, whatever its state and whichever pepper it was stored with. It is no use of it.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub async fn find_brought(&self, secret: &BroughtDigest) -> Result<Option<Arc<FoundKey>>, Unavailable> {
        let candidates = self.environment.peppers.candidates_of_brought(secret);
        Ok(self.keys.resolve(&candidates, Duration::ZERO).await?.found)
    }
}
