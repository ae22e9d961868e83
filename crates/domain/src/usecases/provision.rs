//! From a session's organization at Clerk to ours.

use super::{Capykeys, Provisioning, done};
use crate::{
    model::{
        Actor, AuditAction, ClerkLink, Organization, OrganizationId, OrganizationName, RequestContext,
        Session, SessionOrganization, Slug,
    },
    ports::Unavailable,
};

impl Capykeys {
    /// Our organization for the session's active one; created where an administrator's session is
    /// the first and provisioning is automatic. An impersonated session creates nothing.
    pub(super) async fn organization_of(
        &self,
        session: &Session,
        context: &RequestContext,
    ) -> Result<Option<Organization>, Unavailable> {
        let Some(at_clerk) = &session.organization else {
            return Ok(None);
        };
        let known = self.ports.organization_resolver.resolve_organization(&at_clerk.id).await?;
        let may_create =
            self.provisioning == Provisioning::Auto && at_clerk.role.is_admin() && !session.impersonated;
        if known.is_some() || !may_create {
            return Ok(known);
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
        self.ports.organizations.create(&organization, &event).await.map(Some)
    }

    fn counterpart(&self, at_clerk: &SessionOrganization) -> Result<Organization, Unavailable> {
        let now = self.now();
        let label = at_clerk.slug.as_deref().unwrap_or(at_clerk.id.as_str());
        let name = OrganizationName::parse(label)
            .or_else(|_| OrganizationName::parse(at_clerk.id.as_str()))
            .map_err(|invalid| Unavailable::new("clerk", invalid))?;
        Ok(Organization {
            id: OrganizationId::new(now, self.random()?),
            name,
            slug: Slug::from_any(label),
            created_at: now,
            updated_at: now,
            clerk: Some(ClerkLink { id: at_clerk.id.clone(), slug: at_clerk.slug.clone() }),
            suspension: None,
        })
    }
}
