//! From a session's token to its caller, and from its organization at Clerk to ours.

use alloc::sync::Arc;
use core::time::Duration;

use super::{Environment, done, stored};
use crate::{
    model::{
        Actor, AuditAction, AuditEvent, ClerkLink, EventDetails, Organization, OrganizationId,
        OrganizationName, Renaming, RequestContext, Session, SessionCaller, SessionOrganization, Slug,
    },
    policy::RoleTable,
    ports::{
        BearerTokenError, OrganizationResolver, Organizations, RenameOrganization, SessionVerifier,
        Unavailable,
    },
    secret::BearerToken,
};

/// For so long after an organization was changed, no session changes its slug. Tokens from before a
/// renaming live on for a minute at Clerk: with those after it, they would change it back and forth.
const SLUG_SETTLES: Duration = Duration::from_mins(5);

/// Whether an organization that is known at Clerk alone is created here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provisioning {
    /// On the first session of one of its administrators.
    Auto,
    /// Never: operators register organizations.
    Registered,
}

/// Who is signed in at Clerk, and in which organization.
pub struct Sessions {
    environment: Arc<Environment>,
    verifier: Arc<dyn SessionVerifier>,
    resolver: Arc<dyn OrganizationResolver>,
    organizations: Arc<dyn Organizations>,
    provisioning: Provisioning,
    roles: RoleTable,
}

impl Sessions {
    /// Of those whom `verifier` lets in, each granted what `roles` say.
    #[must_use]
    pub const fn new(
        environment: Arc<Environment>,
        verifier: Arc<dyn SessionVerifier>,
        resolver: Arc<dyn OrganizationResolver>,
        organizations: Arc<dyn Organizations>,
        provisioning: Provisioning,
        roles: RoleTable,
    ) -> Self {
        Self { environment, verifier, resolver, organizations, provisioning, roles }
    }

    /// Who the token belongs to.
    pub(super) async fn sign_in(
        &self,
        token: &BearerToken,
        context: &RequestContext,
    ) -> Result<SessionCaller, BearerTokenError> {
        let session = self.verifier.verify_session(token).await?;
        let organization = self.organization_of(&session, context).await?;
        Ok(SessionCaller { scopes: self.roles.scopes_of(&session), session, organization })
    }

    /// Our organization for the session's active one; created where an administrator's session is
    /// the first and provisioning is automatic. An impersonated session creates nothing.
    async fn organization_of(
        &self,
        session: &Session,
        context: &RequestContext,
    ) -> Result<Option<Organization>, Unavailable> {
        let Some(at_clerk) = &session.organization else {
            return Ok(None);
        };
        let known = self.resolver.resolve_organization(&at_clerk.id).await?;
        let may_create =
            self.provisioning == Provisioning::Auto && at_clerk.is_administered() && !session.impersonated;
        if let Some(known) = known {
            return Ok(Some(self.follow_slug(known, at_clerk, session, context).await));
        }
        if !may_create {
            return Ok(None);
        }
        let organization = self.counterpart(at_clerk)?;
        let actor = Actor::User(session.user_id.clone());
        let event = done(
            AuditAction::CreateOrganization,
            organization.created_at,
            &actor,
            organization.id,
            None,
            context,
        );
        let event = AuditEvent { details: EventDetails::of_organization(&organization), ..event };
        self.organizations.create_organization(organization, event).await.and_then(stored).map(Some)
    }

    /// The known organization with the slug that the session tells, stored where it is another one. A
    /// session that changes nothing, or that comes too soon after the last change, leaves it alone.
    async fn follow_slug(
        &self,
        known: Organization,
        at_clerk: &SessionOrganization,
        session: &Session,
        context: &RequestContext,
    ) -> Organization {
        let stored = known.clerk.as_ref().and_then(|link| link.slug.as_ref());
        let Some(told) = at_clerk.slug.as_ref().filter(|told| stored != Some(told)) else { return known };
        let now = self.environment.now();
        let too_soon = stored.is_some() && now.since(known.updated_at) < SLUG_SETTLES;
        if session.impersonated || too_soon {
            return known;
        }
        let renaming = Renaming { clerk_slug: Some(told.clone()), ..Renaming::default() };
        let actor = Actor::User(session.user_id.clone());
        let event = done(AuditAction::RenameOrganization, now, &actor, known.id, None, context);
        let rename = RenameOrganization { id: known.id, renaming, at: now, event };
        match self.organizations.rename_organization(rename).await {
            Ok(Some(renamed)) => {
                self.resolver.forget_organization(known.id);
                renamed
            }
            // An old slug is no reason to turn anybody away. The next session tries again.
            Ok(None) | Err(_) => known,
        }
    }

    fn counterpart(&self, at_clerk: &SessionOrganization) -> Result<Organization, Unavailable> {
        let now = self.environment.now();
        let label = at_clerk.slug.as_deref().unwrap_or(at_clerk.id.as_str());
        let name = OrganizationName::parse(label)
            .or_else(|_| OrganizationName::parse(at_clerk.id.as_str()))
            .map_err(|invalid| Unavailable::new("clerk", invalid))?;
        Ok(Organization {
            id: OrganizationId::new(now, self.environment.random()?),
            name,
            slug: Slug::from_any(label),
            created_at: now,
            updated_at: now,
            clerk: Some(ClerkLink { id: at_clerk.id.clone(), slug: at_clerk.slug.clone() }),
            suspension: None,
        })
    }
}
