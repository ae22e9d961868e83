//! Asking the policy, and recording that it said no.

use core::num::NonZeroU32;

use super::Capykeys;
use crate::{
    model::{Actor, AuditAction, AuditEvent, AuditOutcome, Caller, KeyId, OrganizationId, RequestContext},
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
                Err(self.denied(denial, AuditAction::GetOrganization, caller, None, context).await)
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
            Err(denial) => Err(self.denied(denial, AuditAction::ListKeys, caller, None, context).await),
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
            Err(denial) => Err(self.denied(denial, AuditAction::CreateKey, caller, None, context).await),
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
            Err(denial) => Err(self.denied(denial, AuditAction::RevokeKey, caller, key, context).await),
        }
    }

    async fn denied(
        &self,
        denial: Denial,
        action: AuditAction,
        caller: &Caller,
        key_id: Option<KeyId>,
        context: &RequestContext,
    ) -> AccessError {
        let refusal =
            Refusal { action, actor: caller.actor(), organization_id: caller.organization_id(), key_id };
        match self.record(refusal, context).await {
            Ok(()) => denial.into(),
            Err(unavailable) => unavailable.into(),
        }
    }

    /// Records that something was refused.
    pub(super) async fn record(&self, refusal: Refusal, context: &RequestContext) -> Result<(), Unavailable> {
        let Refusal { action, actor, organization_id, key_id } = refusal;
        let outcome = AuditOutcome::Denied;
        let request = context.clone();
        let (at, occurrences) = (self.now(), NonZeroU32::MIN);
        let event = AuditEvent { at, action, outcome, actor, organization_id, key_id, request, occurrences };
        self.ports.audit.append(&event).await
    }
}

/// What was refused, and to whom.
pub(super) struct Refusal {
    pub(super) action: AuditAction,
    pub(super) actor: Actor,
    pub(super) organization_id: Option<OrganizationId>,
    pub(super) key_id: Option<KeyId>,
}
