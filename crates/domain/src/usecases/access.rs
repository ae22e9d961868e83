//! Asking the policy, and recording that it said no.

use core::num::NonZeroU32;

use super::Management;
use crate::{
    model::{
        Actor, AuditAction, AuditEvent, AuditOutcome, Caller, EventDetails, OrganizationId, RequestContext,
    },
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
        if let Err(denial) = &permitted {
            let refusal = Refusal {
                action: A::AUDITED_AS,
                actor: caller.actor(),
                organization_id: caller.organization_id(),
                target,
                denial: denial.clone(),
            };
            self.record(refusal, context).await?;
        }
        Ok(permitted?)
    }

    /// Records that something was refused.
    pub(super) async fn record(&self, refusal: Refusal, context: &RequestContext) -> Result<(), Unavailable> {
        let Refusal { action, actor, organization_id, target, denial } = refusal;
        let event = AuditEvent {
            at: self.environment.now(),
            action,
            outcome: AuditOutcome::Denied,
            actor,
            organization_id,
            target_organization_id: target.organization.filter(|_| target.organization != organization_id),
            key_id: target.key,
            project_id: None,
            details: EventDetails::because(&denial),
            request: context.clone(),
            occurrences: NonZeroU32::MIN,
        };
        self.audit.append_event(event).await
    }
}

/// What was refused, to whom, and why.
pub(super) struct Refusal {
    pub(super) action: AuditAction,
    pub(super) actor: Actor,
    pub(super) organization_id: Option<OrganizationId>,
    pub(super) target: Target,
    pub(super) denial: Denial,
}
