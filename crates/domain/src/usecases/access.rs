//! Asking the policy, and recording that it said no.

use core::num::NonZeroU32;

use super::Management;
use crate::{
    model::{Actor, AuditAction, AuditEvent, AuditOutcome, Caller, KeyId, OrganizationId, RequestContext},
    policy::{self, Action, Denial, Permit, Target},
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

impl Management {
    /// Asks the policy for what is needed to do `A`, and records a refusal.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn permit<A: Action>(
        &self,
        caller: &Caller,
        target: Target,
        context: &RequestContext,
    ) -> Result<Permit<A>, AccessError> {
        let permitted = policy::permit(caller, target);
        if permitted.is_err() {
            let refusal = Refusal {
                action: A::AUDITED_AS,
                actor: caller.actor(),
                organization_id: caller.organization_id(),
                key_id: target.key,
            };
            self.record(refusal, context).await?;
        }
        Ok(permitted?)
    }

    /// Records that something was refused.
    pub(super) async fn record(&self, refusal: Refusal, context: &RequestContext) -> Result<(), Unavailable> {
        let Refusal { action, actor, organization_id, key_id } = refusal;
        let outcome = AuditOutcome::Denied;
        let request = context.clone();
        let (at, occurrences) = (self.environment.now(), NonZeroU32::MIN);
        let event = AuditEvent { at, action, outcome, actor, organization_id, key_id, request, occurrences };
        self.audit.append(&event).await
    }
}

/// What was refused, and to whom.
pub(super) struct Refusal {
    pub(super) action: AuditAction,
    pub(super) actor: Actor,
    pub(super) organization_id: Option<OrganizationId>,
    pub(super) key_id: Option<KeyId>,
}
