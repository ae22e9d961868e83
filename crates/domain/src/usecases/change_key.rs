//! Changing, disabling and enabling a key, and ending the secret before its present one.

use super::{KeyError, Management, access::DeniedAttempt, done};
use crate::{
    model::{
        ApiKey, AuditEvent, Creator, Disabling, DisablingReason, EventDetails, KeyEdit, KeyId, KeyState,
        OrganizationId, RequestContext, Timestamp,
    },
    policy::{Action, ChangeKey, Denial, DisableKey, EnableKey, FinishRotation, Permit, Target, UpdateKey},
    ports::{Change, Insertion, KeyChange, KeyChanged, NewSecret, Unavailable},
};

/// How often a change is tried anew where somebody else changes the key at the same time.
pub(super) const ATTEMPTS: usize = 16;

impl Management {
    /// Changes the permit's key, where it is as the caller expects by the time of the change, and comes back when no
    /// replica takes it for what it was. Whoever may end it may make it stricter; who could create it so, anything.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn update_key(
        &self,
        permit: &Permit<UpdateKey>,
        edit: &KeyEdit,
        is_expected: impl Fn(&ApiKey, Timestamp) -> bool + Send + Sync,
        context: &RequestContext,
    ) -> Result<ApiKey, KeyError> {
        let change = |key: &ApiKey, now| {
            if !is_expected(key, now) {
                return Err(KeyError::Changed);
            }
            Ok(edit.of(key, self.environment.scopes(), now)?)
        };
        self.change(permit, &permit.action().0, change, context).await
    }

    /// Has the permit's key refused until it is enabled, and comes back when no replica accepts it any more. One that is
    /// disabled already stays as it is; an earlier call may still be waiting, so this one waits too.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn disable_key(
        &self,
        permit: &Permit<DisableKey>,
        reason: Option<DisablingReason>,
        context: &RequestContext,
    ) -> Result<ApiKey, KeyError> {
        let change = |key: &ApiKey, at| {
            let new = || Disabling { at, reason: reason.clone() };
            Ok(ApiKey { disabled: Some(key.disabled.clone().unwrap_or_else(new)), ..key.clone() })
        };
        self.change(permit, &permit.action().0, change, context).await
    }

    /// Ends that. One that is not disabled stays as it is.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn enable_key(
        &self,
        permit: &Permit<EnableKey>,
        context: &RequestContext,
    ) -> Result<ApiKey, KeyError> {
        let change = |key: &ApiKey, _| Ok(ApiKey { disabled: None, ..key.clone() });
        self.change(permit, &permit.action().0, change, context).await
    }

    /// Ends the secret before the key's present one, and comes back when no replica accepts that any more. Where there is
    /// none, or it has ended, nothing changes.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn finish_rotation(
        &self,
        permit: &Permit<FinishRotation>,
        context: &RequestContext,
    ) -> Result<ApiKey, KeyError> {
        self.change(permit, &permit.action().0, |key: &ApiKey, now| Ok(key.finished(now)), context).await
    }

    async fn change<A: Action + Sync>(
        &self,
        permit: &Permit<A>,
        ChangeKey { key, creating }: &ChangeKey,
        change: impl Fn(&ApiKey, Timestamp) -> Result<ApiKey, KeyError> + Send + Sync,
        context: &RequestContext,
    ) -> Result<ApiKey, KeyError> {
        let (id, organization) = (key.ok_or(KeyError::NoSuchKey)?, permit.organization_id());
        for _ in 0..ATTEMPTS {
            let (before, now) = self.changeable(organization, id).await?;
            let after = change(&before, now)?;
            let further = after.reaches_further_than(&before);
            let by = match creating {
                Ok(creating) if further => match creating.ceiling.admit(&after.scopes, after.expires_at) {
                    Ok(()) => Some(creating.creator.clone()),
                    Err(denial) => return self.deny(permit, id, denial, context).await,
                },
                Err(denial) if further || after.is_called_otherwise_than(&before) => {
                    return self.deny(permit, id, denial.clone(), context).await;
                }
                _ => None,
            };
            let asked = Asked { before, now, by, secret: None, because: None };
            if let Some(changed) = self.store(permit, asked, after, context).await? {
                return Ok(changed);
            }
        }
        Err(contended())
    }

    /// The key and the time, where it is not over.
    pub(super) async fn changeable(
        &self,
        organization: OrganizationId,
        id: KeyId,
    ) -> Result<(ApiKey, Timestamp), KeyError> {
        let before = self.keys.find_key(organization, id).await?.ok_or(KeyError::NoSuchKey)?;
        let now = self.environment.now();
        match before.state(now) {
            KeyState::Revoked => Err(KeyError::Revoked),
            KeyState::Expired => Err(KeyError::Expired),
            KeyState::Active | KeyState::Disabled => Ok((before, now)),
        }
    }

    /// Stores the change, and comes back when no replica takes the key for what it was. `None` where the key is not as it
    /// was read.
    pub(super) async fn store<A: Action + Sync>(
        &self,
        permit: &Permit<A>,
        Asked { before, now, by, secret, because }: Asked,
        after: ApiKey,
        context: &RequestContext,
    ) -> Result<Option<ApiKey>, KeyError> {
        let id = after.id;
        let event = done(A::AUDITED_AS, now, permit.actor(), permit.organization_id(), Some(id), context);
        let details = EventDetails::of_key_change(&before, &after);
        let event = AuditEvent { details: details.and_because(because), ..event };
        match self.keys.change_key(KeyChange { before, after: after.clone(), secret, by, event }).await? {
            KeyChanged::Done => {
                self.replicas.until_obeyed(Change::Key(id)).await;
                Ok(Some(after))
            }
            KeyChanged::Stale => Ok(None),
            KeyChanged::Refused(Insertion::Denied(denial)) => self.deny(permit, id, denial, context).await,
            KeyChanged::Refused(Insertion::CreatorInactive) => Err(KeyError::CallerInactive),
            // With 190 random bits this is a broken random source, not a coincidence.
            KeyChanged::Refused(Insertion::Duplicate) => {
                Err(Unavailable::new("entropy", "minted a key that exists").into())
            }
            KeyChanged::Refused(_) => Err(Unavailable::new("store", "lost the organization").into()),
        }
    }

    pub(super) async fn deny<A: Action + Sync, T>(
        &self,
        permit: &Permit<A>,
        key: KeyId,
        denial: Denial,
        context: &RequestContext,
    ) -> Result<T, KeyError> {
        self.refused(permit, Some(key), &denial, context).await?;
        Err(denial.into())
    }

    /// Records that the policy says no after all to what it has permitted.
    pub(super) async fn refused<A: Action + Sync>(
        &self,
        permit: &Permit<A>,
        key: Option<KeyId>,
        denial: &Denial,
        context: &RequestContext,
    ) -> Result<(), Unavailable> {
        let organization = Some(permit.organization_id());
        let refusal = DeniedAttempt {
            action: A::AUDITED_AS,
            actor: permit.actor().clone(),
            organization_id: organization,
            target: Target { organization, key },
            denial: denial.clone(),
        };
        self.record(refusal, context).await
    }
}

/// A change that is to be stored.
pub(super) struct Asked {
    /// The key as it was read.
    pub(super) before: ApiKey,
    /// When.
    pub(super) now: Timestamp,
    /// By whose right, where that is to be judged.
    pub(super) by: Option<Creator>,
    /// The secret that the key is given.
    pub(super) secret: Option<NewSecret>,
    /// Why, where nobody has asked for it.
    pub(super) because: Option<&'static str>,
}

pub(super) fn contended() -> KeyError {
    Unavailable::new("store", "the key is being changed by many at once").into()
}
