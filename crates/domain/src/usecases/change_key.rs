//! Changing, disabling and enabling a key.

use super::{KeyError, Management, access::DeniedAttempt, done};
use crate::{
    model::{
        ApiKey, AuditEvent, Disabling, DisablingReason, EventDetails, KeyEdit, KeyId, KeyState,
        RequestContext, Timestamp,
    },
    policy::{Action, ChangeKey, Denial, DisableKey, EnableKey, Permit, Target, UpdateKey},
    ports::{Change, Insertion, KeyChange, KeyChanged, Unavailable},
};

/// How often a change is tried anew where somebody else changes the key at the same time.
const ATTEMPTS: usize = 16;

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

    async fn change<A: Action + Sync>(
        &self,
        permit: &Permit<A>,
        ChangeKey { key, creating }: &ChangeKey,
        change: impl Fn(&ApiKey, Timestamp) -> Result<ApiKey, KeyError> + Send + Sync,
        context: &RequestContext,
    ) -> Result<ApiKey, KeyError> {
        let (id, organization) = (key.ok_or(KeyError::NoSuchKey)?, permit.organization_id());
        for _ in 0..ATTEMPTS {
            let before = self.keys.find_key(organization, id).await?.ok_or(KeyError::NoSuchKey)?;
            let now = self.environment.now();
            match before.state(now) {
                KeyState::Revoked => return Err(KeyError::Revoked),
                KeyState::Expired => return Err(KeyError::Expired),
                KeyState::Active | KeyState::Disabled => {}
            }
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
            let event = done(A::AUDITED_AS, now, permit.actor(), organization, Some(id), context);
            let event = AuditEvent { details: EventDetails::of_key_change(&before, &after), ..event };
            let changed = KeyChange { before, after: after.clone(), by, event };
            match self.keys.change_key(changed).await? {
                KeyChanged::Done => {
                    self.replicas.until_obeyed(Change::Key(id)).await;
                    return Ok(after);
                }
                KeyChanged::Stale => {}
                KeyChanged::Refused(Insertion::Denied(denial)) => {
                    return self.deny(permit, id, denial, context).await;
                }
                KeyChanged::Refused(Insertion::CreatorInactive) => return Err(KeyError::CallerInactive),
                KeyChanged::Refused(_) => {
                    return Err(Unavailable::new("store", "lost the organization").into());
                }
            }
        }
        Err(Unavailable::new("store", "the key is being changed by many at once").into())
    }

    async fn deny<A: Action + Sync>(
        &self,
        permit: &Permit<A>,
        key: KeyId,
        denial: Denial,
        context: &RequestContext,
    ) -> Result<ApiKey, KeyError> {
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
