//! Creating a key.

use alloc::{string::ToString, vec};

use super::{Management, NotRepeated, done};
use crate::{
    model::{ApiKey, AuditAction, AuditEvent, EventDetails, KeyId, KeySpec, RequestContext, Timestamp},
    policy::{CreateKey, Denial, Permit},
    ports::{Insertion, NewKey, Unavailable},
    secret::{IdempotencyKey, IdempotentRequest, PlaintextKey},
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
    /// The request was sent before, and is not answered as it was then.
    #[error(transparent)]
    NotRepeated(#[from] NotRepeated),
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
        self.create_key_once(permit, spec, None, context).await
    }

    /// The same. Where the client has given the request a name, and the same caller sends it again under that, it is told what
    /// it was told the first time, for as long as that is remembered.
    ///
    /// # Errors
    /// [`CreateKeyError`].
    pub async fn create_key_once(
        &self,
        permit: &Permit<CreateKey>,
        spec: KeySpec,
        idempotency_key: Option<&IdempotencyKey>,
        context: &RequestContext,
    ) -> Result<CreatedKey, CreateKeyError> {
        let request = idempotency_key.map(|key| creation(key, permit, &spec));
        let created = self.create(permit, &spec, request.as_ref(), context).await;
        if let Err(CreateKeyError::Denied(denial)) = &created {
            self.refused(permit, None, denial, context).await?;
        }
        created
    }

    async fn create(
        &self,
        permit: &Permit<CreateKey>,
        spec: &KeySpec,
        request: Option<&IdempotentRequest<'_>>,
        context: &RequestContext,
    ) -> Result<CreatedKey, CreateKeyError> {
        let expires_at = permit.action().ceiling.check(spec)?;
        let (new, plaintext) = self.new_key(permit, spec, expires_at, request)?;
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
            Insertion::Repeated(before) => Ok(self.repeat(request, *before)?),
            Insertion::Running => Err(NotRepeated::Running.into()),
        }
    }

    fn new_key(
        &self,
        permit: &Permit<CreateKey>,
        spec: &KeySpec,
        expires_at: Option<Timestamp>,
        request: Option<&IdempotentRequest<'_>>,
    ) -> Result<(NewKey, PlaintextKey), Unavailable> {
        let (plaintext, idempotency) = self.environment.secret_for(request)?;
        let now = self.environment.now();
        let id = KeyId::new(self.environment.time_of_making(now), self.environment.random()?);
        let key_prefix = self.environment.format().shown(&plaintext);
        let CreateKey { source, created_by, creator, .. } = permit.action();
        let key = ApiKey {
            created_by_user_id: created_by.clone(),
            expires_at,
            ..ApiKey::new(id, permit.organization_id(), key_prefix, spec, source.clone(), now)
        };
        let digest = self.environment.digest(&plaintext)?;
        Ok((NewKey { key, digest, creator: creator.clone(), idempotency }, plaintext))
    }
}

/// The request for such a key.
fn creation<'r>(
    key: &'r IdempotencyKey,
    permit: &'r Permit<CreateKey>,
    spec: &KeySpec,
) -> IdempotentRequest<'r> {
    let members = vec![
        Some(spec.name().to_string()),
        Some(spec.scopes().to_string()),
        spec.project_id().map(ToString::to_string),
        spec.expires_at().map(|end| end.to_string()),
        spec.device_name().map(ToString::to_string),
    ];
    let organization = permit.organization_id();
    IdempotentRequest { key, operation: "create", organization, actor: permit.actor(), members }
}
