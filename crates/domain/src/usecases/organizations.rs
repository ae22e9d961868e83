//! Seeing an organization, and what operators do with them.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::{Capykeys, done};
use crate::{
    model::{
        AuditAction, AuditEvent, Caller, ClerkLink, EventDetails, KeyCaller, Organization, OrganizationId,
        OrganizationName, Renaming, RequestContext, SessionCaller, Slug, Suspension, SuspensionReason,
    },
    policy::{GetOrganization, ManageOrganizations, Permit},
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
        let event = AuditEvent { details: EventDetails::of_organization(&organization), ..event };
        self.ports.organizations.create(&organization, &event).await
    }

    /// The permit's organization as it is stored now: what is remembered of it may still be called as
    /// it was before.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer.
    pub async fn organization(&self, permit: &Permit<GetOrganization>) -> Result<Organization, Unavailable> {
        self.stored(permit.organization_id()).await
    }

    /// The caller with its organization as it is stored now.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer.
    pub async fn with_stored_organization(&self, mut caller: Caller) -> Result<Caller, Unavailable> {
        match &mut caller {
            Caller::Key(KeyCaller { organization, .. })
            | Caller::Session(SessionCaller { organization: Some(organization), .. }) => {
                *organization = self.stored(organization.id).await?;
            }
            Caller::Session(SessionCaller { organization: None, .. }) => {}
        }
        Ok(caller)
    }

    async fn stored(&self, id: OrganizationId) -> Result<Organization, Unavailable> {
        let found = self.ports.organizations.find(id).await?;
        found.ok_or_else(|| Unavailable::new("store", "lost the organization"))
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

    /// Calls the permit's organization something else. `None` where there is no such organization.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not do its work.
    pub async fn rename_organization(
        &self,
        permit: &Permit<ManageOrganizations>,
        renaming: &Renaming,
        context: &RequestContext,
    ) -> Result<Option<Organization>, Unavailable> {
        let (id, now) = (permit.organization_id(), self.now());
        let event = done(AuditAction::RenameOrganization, now, permit.actor(), id, None, context);
        self.ports.organizations.rename(id, renaming, now, &event).await
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
        let details = suspension.reason.as_ref().map(|reason| EventDetails::because(reason));
        let event = AuditEvent { details: details.unwrap_or_default(), ..event };
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
