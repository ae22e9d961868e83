//! Asking the policy, and recording that it said no.

use core::num::NonZeroU32;

use super::Capykeys;
use crate::{
    model::{
        Actor, AuditAction, AuditEvent, AuditOutcome, Caller, EventDetails, KeyId, OrganizationId,
        RequestContext,
    },
    policy::{self, CreateKey, Denial, GetOrganization, ListKeys, Permit, RevokeKey, Target},
    ports::Unavailable,
};

/// Why a caller was not let through.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The policy says no; the refusal is in the audit log.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The refusal could not be recorded, so it is not given either.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Capykeys {
    /// Asks [`policy::get_organization`] and records a refusal.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn permit_get_organization(
        &self,
        caller: &Caller,
        target: Target,
        context: &RequestContext,
    ) -> Result<Permit<GetOrganization>, AccessError> {
        match policy::get_organization(caller, target) {
            Ok(permit) => Ok(permit),
            Err(denial) => {
                Err(self.denied(denial, AuditAction::GetOrganization, caller, (target, None), context).await)
            }
        }
    }

    /// Asks [`policy::list_keys`] and records a refusal.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn permit_list_keys(
        &self,
        caller: &Caller,
        target: Target,
        context: &RequestContext,
    ) -> Result<Permit<ListKeys>, AccessError> {
        match policy::list_keys(caller, target) {
            Ok(permit) => Ok(permit),
            Err(denial) => {
                Err(self.denied(denial, AuditAction::ListKeys, caller, (target, None), context).await)
            }
        }
    }

    /// Asks [`policy::create_key`] and records a refusal.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn permit_create_key(
        &self,
        caller: &Caller,
        target: Target,
        context: &RequestContext,
    ) -> Result<Permit<CreateKey>, AccessError> {
        match policy::create_key(caller, target) {
            Ok(permit) => Ok(permit),
            Err(denial) => {
                Err(self.denied(denial, AuditAction::CreateKey, caller, (target, None), context).await)
            }
        }
    }

    /// Asks [`policy::revoke_key`] and records a refusal.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn permit_revoke_key(
        &self,
        caller: &Caller,
        target: Target,
        key: Option<KeyId>,
        context: &RequestContext,
    ) -> Result<Permit<RevokeKey>, AccessError> {
        match policy::revoke_key(caller, target, key) {
            Ok(permit) => Ok(permit),
            Err(denial) => {
                Err(self.denied(denial, AuditAction::RevokeKey, caller, (target, key), context).await)
            }
        }
    }

    async fn denied(
        &self,
        denial: Denial,
        action: AuditAction,
        caller: &Caller,
        (target, key_id): (Target, Option<KeyId>),
        context: &RequestContext,
    ) -> AccessError {
        let (actor, organization_id) = (caller.actor(), caller.organization_id());
        let refusal = Refusal { action, actor, organization_id, target, key_id, denial };
        match self.record(refusal, context).await {
            Ok(()) => denial.into(),
            Err(unavailable) => unavailable.into(),
        }
    }

    /// Records that something was refused.
    pub(super) async fn record(&self, refusal: Refusal, context: &RequestContext) -> Result<(), Unavailable> {
        let Refusal { action, actor, organization_id, target, key_id, denial } = refusal;
        let event = AuditEvent {
            at: self.now(),
            action,
            outcome: AuditOutcome::Denied,
            actor,
            organization_id,
            target_organization_id: target.filter(|_| target != organization_id),
            key_id,
            project_id: None,
            details: EventDetails::because(&denial),
            request: context.clone(),
            occurrences: NonZeroU32::MIN,
        };
        self.ports.audit.append(&event).await
    }
}

/// What was refused, to whom, and why.
pub(super) struct Refusal {
    pub(super) action: AuditAction,
    pub(super) actor: Actor,
    pub(super) organization_id: Option<OrganizationId>,
    pub(super) target: Target,
    pub(super) key_id: Option<KeyId>,
    pub(super) denial: Denial,
}
