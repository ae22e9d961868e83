//! Creating a key.

use super::{Capykeys, done};
use crate::{
    model::{ApiKey, AuditAction, KeyId, KeySpec, RequestContext},
    policy::{CreateKey, Denial, Permit},
    ports::{Insertion, NewKey, Unavailable},
    secret::PlaintextKey,
};

/// A key that was created, with its secret: the only place where the two are together.
#[derive(Debug)]
pub struct CreatedKey {
    /// What is shown from now on.
    pub key: ApiKey,
    /// What is shown this once.
    pub plaintext: PlaintextKey,
}

/// Why no key was created.
#[derive(Debug, thiserror::Error)]
pub enum CreateKeyError {
    /// It would have reached further than its creator.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The store did not do its work.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Capykeys {
    /// Creates a key, within the permit's ceiling.
    ///
    /// # Errors
    /// [`CreateKeyError`].
    pub async fn create_key(
        &self,
        permit: &Permit<CreateKey>,
        spec: KeySpec,
        context: &RequestContext,
    ) -> Result<CreatedKey, CreateKeyError> {
        let expires_at = permit.action().ceiling().check(&spec)?;
        let plaintext = self.format.mint(self.ports.entropy.as_ref())?;
        let now = self.now();
        let key = ApiKey {
            id: KeyId::new(now, self.random()?),
            organization_id: permit.organization_id(),
            name: spec.name().clone(),
            key_prefix: self.format.shown(&plaintext),
            scopes: spec.scopes().clone(),
            source: permit.action().source(),
            created_at: now,
            created_by_user_id: permit.action().created_by().cloned(),
            device_name: spec.device_name().cloned(),
            expires_at,
            last_used_at: None,
            project_id: spec.project_id().cloned(),
            revoked_at: None,
        };
        let event =
            done(AuditAction::CreateKey, now, permit.actor(), key.organization_id, Some(key.id), context);
        let new = NewKey { key, digest: self.peppers.digest(&plaintext) };
        match self.ports.keys.insert(&new, &event).await? {
            Insertion::Inserted => Ok(CreatedKey { key: new.key, plaintext }),
            // With 190 random bits this is a broken random source, not a coincidence.
            Insertion::Duplicate => Err(Unavailable::new("entropy", "minted a key that exists").into()),
            Insertion::NoOrganization => Err(Unavailable::new("store", "lost the organization").into()),
        }
    }
}
