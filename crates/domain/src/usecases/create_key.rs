//! Creating a key.

use super::{Management, done};
use crate::{
    model::{
        ApiKey, AuditAction, AuditEvent, Creator, EventDetails, KeyId, KeySpec, RequestContext, Timestamp,
    },
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

impl Management {
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
        let created = self.create(permit, &spec, context).await;
        if let Err(CreateKeyError::Denied(denial)) = &created {
            self.refused(permit, None, denial, context).await?;
        }
        created
    }

    async fn create(
        &self,
        permit: &Permit<CreateKey>,
        spec: &KeySpec,
        context: &RequestContext,
    ) -> Result<CreatedKey, CreateKeyError> {
        let expires_at = permit.action().ceiling.check(spec)?;
        let (new, plaintext) = self.new_key(permit, spec, expires_at)?;
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
        let key = key.clone();
        match self.keys.insert_key(new, event).await? {
            Insertion::Inserted => Ok(CreatedKey { key, plaintext }),
            Insertion::Denied(denial) => Err(denial.into()),
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
        let plaintext = self.environment.mint()?;
        let now = self.environment.now();
        let id = KeyId::new(self.environment.time_of_making(now), self.environment.random()?);
        let key_prefix = self.environment.format().shown(&plaintext);
        let CreateKey { source, created_by, creator, .. } = permit.action();
        let key = ApiKey {
            created_by_user_id: created_by.clone(),
            created_by_key_id: if let Creator::Key(maker, _) = creator { Some(*maker) } else { None },
            expires_at,
            ..ApiKey::new(id, permit.organization_id(), key_prefix, spec, source.clone(), now)
        };
        let digest = self.environment.digest(&plaintext)?;
        Ok((NewKey { key, digest, creator: creator.clone() }, plaintext))
    }
}
