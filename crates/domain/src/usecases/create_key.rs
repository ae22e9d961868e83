//! Creating a key.

use super::{Capykeys, access::Refusal, done};
use crate::{
    model::{ApiKey, AuditAction, AuditEvent, EventDetails, KeyId, KeySpec, RequestContext, Timestamp},
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
    /// It would have reached further than its creator, as it is or as it was when the key was to be
    /// stored; the refusal is in the audit log.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The key that it was to be created with was revoked, or expired, after it was authenticated.
    #[error("The creating key is no longer active.")]
    CreatorInactive,
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
        let expires_at = match permit.action().ceiling().check(&spec) {
            Ok(expires_at) => expires_at,
            Err(denial) => return Err(self.creation_denied(denial, permit, context).await),
        };
        let (new, plaintext) = self.new_key(permit, &spec, expires_at)?;
        let key = &new.key;
        let event = done(
            AuditAction::CreateKey,
            key.created_at,
            permit.actor(),
            key.organization_id,
            Some(key.id),
            context,
        );
        let event = AuditEvent { details: EventDetails::of_key(key), ..event };
        match self.ports.keys.insert(&new, &event).await? {
            Insertion::Inserted => Ok(CreatedKey { key: new.key, plaintext }),
            Insertion::Denied(denial) => Err(self.creation_denied(denial, permit, context).await),
            Insertion::CreatorInactive => Err(CreateKeyError::CreatorInactive),
            // With 190 random bits this is a broken random source, not a coincidence.
            Insertion::Duplicate => Err(Unavailable::new("entropy", "minted a key that exists").into()),
            Insertion::NoOrganization => Err(Unavailable::new("store", "lost the organization").into()),
        }
    }

    fn new_key(
        &self,
        permit: &Permit<CreateKey>,
        spec: &KeySpec,
        expires_at: Option<Timestamp>,
    ) -> Result<(NewKey, PlaintextKey), Unavailable> {
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
        let creator = permit.action().creator().clone();
        Ok((NewKey { key, digest: self.peppers.digest(&plaintext)?, creator }, plaintext))
    }

    async fn creation_denied(
        &self,
        denial: Denial,
        permit: &Permit<CreateKey>,
        context: &RequestContext,
    ) -> CreateKeyError {
        let refusal = Refusal {
            action: AuditAction::CreateKey,
            actor: permit.actor().clone(),
            organization_id: Some(permit.organization_id()),
            target: Some(permit.organization_id()),
            key_id: None,
            denial,
        };
        match self.record(refusal, context).await {
            Ok(()) => denial.into(),
            Err(unavailable) => unavailable.into(),
        }
    }
}
