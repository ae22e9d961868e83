//! What operators do with organizations.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::{Capykeys, done};
use crate::{
    model::{
        AuditAction, ClerkLink, Organization, OrganizationId, OrganizationName, RequestContext, Slug,
        Suspension, SuspensionReason,
    },
    policy::{ManageOrganizations, Permit},
    ports::{Change, Unavailable},
};

/// An organization to be created by an operator.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    /// What it is called.
    pub name: OrganizationName,
    /// Its name in addresses.
    pub slug: Slug,
    /// Its counterpart at Clerk, where people sign in.
    pub clerk: Option<ClerkLink>,
}

impl Capykeys {
    /// Creates an organization; where one has the same id at Clerk already, gives that one back.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not do its work.
    pub async fn create_organization(
        &self,
        new: NewOrganization,
        context: &RequestContext,
    ) -> Result<Organization, Unavailable> {
        let now = self.now();
        let organization = Organization {
            id: OrganizationId::new(now, self.random()?),
            name: new.name,
            slug: new.slug,
            created_at: now,
            updated_at: now,
            clerk: new.clerk,
            suspension: None,
        };
        let permit = Permit::operator_manages(organization.id);
        let event =
            done(AuditAction::CreateOrganization, now, permit.actor(), organization.id, None, context);
        self.ports.organizations.create(&organization, &event).await
    }

    /// The organization with this id, for an operator.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer.
    pub async fn find_organization(&self, id: OrganizationId) -> Result<Option<Organization>, Unavailable> {
        self.ports.organizations.find(id).await
    }

    /// Up to `limit` organizations after `after`, oldest first, for an operator.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer.
    pub async fn list_organizations(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> Result<Vec<Organization>, Unavailable> {
        self.ports.organizations.list(after, limit).await
    }

    /// Suspends the permit's organization: when this comes back, all its callers get 403, whichever
    /// replica they ask. `None` where there is no such organization.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not do its work.
    pub async fn suspend_organization(
        &self,
        permit: &Permit<ManageOrganizations>,
        reason: Option<SuspensionReason>,
        context: &RequestContext,
    ) -> Result<Option<Organization>, Unavailable> {
        let (id, now) = (permit.organization_id(), self.now());
        let suspension = Suspension { at: now, reason };
        let event = done(AuditAction::SuspendOrganization, now, permit.actor(), id, None, context);
        let changed = self.ports.organizations.set_suspension(id, Some(&suspension), now, &event).await?;
        self.ports.replicas.until_obeyed(Change::Organization(id)).await;
        Ok(changed)
    }

    /// Ends the suspension of the permit's organization. `None` where there is no such
    /// organization.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not do its work.
    pub async fn resume_organization(
        &self,
        permit: &Permit<ManageOrganizations>,
        context: &RequestContext,
    ) -> Result<Option<Organization>, Unavailable> {
        let (id, now) = (permit.organization_id(), self.now());
        let event = done(AuditAction::ResumeOrganization, now, permit.actor(), id, None, context);
        let changed = self.ports.organizations.set_suspension(id, None, now, &event).await?;
        self.ports.replicas.until_obeyed(Change::Organization(id)).await;
        Ok(changed)
    }
}
