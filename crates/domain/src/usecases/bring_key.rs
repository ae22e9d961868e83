//! Creating a key whose secret was made elsewhere.

use core::time::Duration;

use super::{CreateKeyError, Management, Verdicts, create_key::StoredSecret};
use crate::{
    model::{ApiKey, Brought, KeySpec, RequestContext},
    policy::{CreateKey, Permit},
    ports::{Change, Unavailable},
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
        let stored = StoredSecret {
            prefix: secret.prefix.clone(),
            digest: self.environment.digest_of_brought(&secret.digest)?,
            brought: Some(Brought),
        };
        // The store notices it under the pepper of new keys alone.
        if permit.action().ceiling.check(spec).is_ok() && verdicts.knows(&secret.digest).await? {
            return Err(CreateKeyError::Taken);
        }
        let key = self.store_key(permit, spec, stored, context).await?;
        self.replicas.until_obeyed(Change::Brought(key.organization_id)).await;
        Ok(key)
    }
}

impl Verdicts {
    /// Whether there is a key with this secret, whatever its state and whichever pepper it was stored with.
    ///
    /// # Errors
    /// [`Unavailable`] where the store had to be asked and did not answer.
    pub async fn knows(&self, secret: &BroughtDigest) -> Result<bool, Unavailable> {
        let candidates = self.environment.peppers.candidates_of_brought(secret);
        Ok(self.keys.resolve(&candidates, Duration::ZERO).await?.found.is_some())
    }
}
