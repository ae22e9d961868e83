//! Creating a key.

use alloc::{boxed::Box, string::ToString, vec};

use super::{Management, NotRepeated, done};
use crate::{
    model::{
        ApiKey, AuditAction, AuditEvent, Brought, Creator, EventDetails, KeyId, KeyPrefix, KeySpec,
        RequestContext,
    },
    policy::{CreateKey, Denial, Permit},
    ports::{Insertion, NewKey, Repeated, Unavailable},
    secret::{IdempotencyKey, IdempotencyRecord, IdempotentRequest, KeyDigest, PlaintextKey},
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
    /// The key that it was to be created with was revoked or disabled, has expired, or was given another secret, after
    /// it was authenticated.
    #[error("The creating key is no longer active.")]
    CreatorInactive,
    /// There is a key with this secret already; whose it is is not said.
    #[error("There is an API key with this secret already.")]
    Taken,
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
        let (plaintext, idempotency) = self.environment.secret_for(request.as_ref())?;
        let secret = StoredSecret {
            prefix: self.environment.format().shown(&plaintext),
            digest: self.environment.digest(&plaintext)?,
            brought: None,
            idempotency,
        };
        match self.store_key(permit, &spec, secret, context).await {
            Ok(Stored::Now(key)) => Ok(CreatedKey { key: *key, plaintext }),
            Ok(Stored::Before(before)) => Ok(self.repeat(request.as_ref(), *before)?),
            // With 190 random bits this is a broken random source, not a coincidence.
            Err(CreateKeyError::Taken) => Err(Unavailable::new("entropy", "minted a key that exists").into()),
            Err(error) => Err(error),
        }
    }

    /// Stores a key with this secret; a refusal is recorded first.
    pub(super) async fn store_key(
        &self,
        permit: &Permit<CreateKey>,
        spec: &KeySpec,
        secret: StoredSecret,
        context: &RequestContext,
    ) -> Result<Stored, CreateKeyError> {
        let stored = self.insert(permit, spec, secret, context).await;
        if let Err(CreateKeyError::Denied(denial)) = &stored {
            self.refused(permit, None, denial, context).await?;
        }
        stored
    }

    async fn insert(
        &self,
        permit: &Permit<CreateKey>,
        spec: &KeySpec,
        secret: StoredSecret,
        context: &RequestContext,
    ) -> Result<Stored, CreateKeyError> {
        let expires_at = permit.action().ceiling.check(spec)?;
        let StoredSecret { prefix, digest, brought, idempotency } = secret;
        let now = self.environment.now();
        let id = KeyId::new(self.environment.time_of_making(now), self.environment.random()?);
        let CreateKey { source, created_by, creator, .. } = permit.action();
        let key = ApiKey {
            created_by_user_id: created_by.clone(),
            created_by_key_id: if let Creator::Key(maker, _) = creator { Some(*maker) } else { None },
            expires_at,
            brought,
            ..ApiKey::new(id, permit.organization_id(), prefix, spec, source.clone(), now)
        };
        let event = done(
            AuditAction::CreateKey,
            key.created_at,
            permit.actor(),
            key.organization_id,
            Some(key.id),
            context,
        );
        let event = AuditEvent { details: EventDetails::of_key(&key), ..event };
        let new = NewKey { key: key.clone(), digest, creator: creator.clone(), idempotency };
        match self.keys.insert_key(new, event).await? {
            Insertion::Inserted => Ok(Stored::Now(Box::new(key))),
            Insertion::Denied(denial) => Err(denial.into()),
            Insertion::CreatorInactive => Err(CreateKeyError::CreatorInactive),
            Insertion::Duplicate => Err(CreateKeyError::Taken),
            Insertion::NoOrganization => Err(Unavailable::new("store", "lost the organization").into()),
            Insertion::Repeated(before) => Ok(Stored::Before(before)),
            Insertion::Running => Err(NotRepeated::Running.into()),
        }
    }
}

/// What is stored of a new key's secret.
pub(super) struct StoredSecret {
    pub(super) prefix: KeyPrefix,
    pub(super) digest: KeyDigest,
    pub(super) brought: Option<Brought>,
    pub(super) idempotency: Option<IdempotencyRecord>,
}

/// What came of storing a key.
pub(super) enum Stored {
    /// It was stored.
    Now(Box<ApiKey>),
    /// The request was done before.
    Before(Box<Repeated>),
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
