//! What operators do, who have access to the store itself.

use alloc::{sync::Arc, vec::Vec};
use core::time::Duration;

use super::{Environment, done, stored};
use crate::{
    model::{
        AuditAction, AuditEvent, ClerkLink, EventDetails, Organization, OrganizationId, OrganizationName,
        Renaming, RequestContext, Slug, Suspension, SuspensionReason, Timestamp,
    },
    policy::{ManageOrganizations, Permit},
    ports::{
        AuditLog, Change, Limit, Organizations, RenameOrganization, Replicas, SetSuspension, Unavailable,
    },
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

/// Managing organizations, and the audit log of all of them.
pub struct Operators {
    environment: Arc<Environment>,
    organizations: Arc<dyn Organizations>,
    audit: Arc<dyn AuditLog>,
    replicas: Arc<dyn Replicas>,
}

impl Operators {
    /// What is suspended or resumed is acknowledged when all of `replicas` obey.
    #[must_use]
    pub const fn new(
        environment: Arc<Environment>,
        organizations: Arc<dyn Organizations>,
        audit: Arc<dyn AuditLog>,
        replicas: Arc<dyn Replicas>,
    ) -> Self {
        Self { environment, organizations, audit, replicas }
    }

    /// Creates an organization; where one has the same id at Clerk already, gives that one back.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not do its work.
    pub async fn create_organization(
        &self,
        new: NewOrganization,
        context: &RequestContext,
    ) -> Result<Organization, Unavailable> {
        let now = self.environment.now();
        let organization = Organization {
            id: OrganizationId::new(now, self.environment.random()?),
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
        self.organizations.create_organization(organization, event).await.and_then(stored)
    }

    /// The organization with this id.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer.
    pub async fn find_organization(&self, id: OrganizationId) -> Result<Option<Organization>, Unavailable> {
        self.organizations.find_organization(id).await
    }

    /// Up to `limit` organizations after `after`, oldest first.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer.
    pub async fn list_organizations(
        &self,
        after: Option<OrganizationId>,
        limit: Limit,
    ) -> Result<Vec<Organization>, Unavailable> {
        self.organizations.list_organizations(after, limit).await
    }

    /// Calls the permit's organization something else. `None` where there is no such organization.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not do its work.
    pub async fn rename_organization(
        &self,
        permit: &Permit<ManageOrganizations>,
        renaming: Renaming,
        context: &RequestContext,
    ) -> Result<Option<Organization>, Unavailable> {
        let (id, now) = (permit.organization_id(), self.environment.now());
        let event = done(AuditAction::RenameOrganization, now, permit.actor(), id, None, context);
        self.organizations.rename_organization(RenameOrganization { id, renaming, at: now, event }).await
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
        let (id, now) = (permit.organization_id(), self.environment.now());
        let suspension = Suspension { at: now, reason };
        let event = done(AuditAction::SuspendOrganization, now, permit.actor(), id, None, context);
        let details = suspension.reason.as_ref().map(|reason| EventDetails::because(reason));
        let event = AuditEvent { details: details.unwrap_or_default(), ..event };
        let set = SetSuspension { id, suspension: Some(suspension), at: now, event };
        let changed = self.organizations.set_suspension(set).await?;
        self.replicas.until_obeyed(Change::Organization(id)).await;
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
        let (id, now) = (permit.organization_id(), self.environment.now());
        let event = done(AuditAction::ResumeOrganization, now, permit.actor(), id, None, context);
        let set = SetSuspension { id, suspension: None, at: now, event };
        let changed = self.organizations.set_suspension(set).await?;
        self.replicas.until_obeyed(Change::Organization(id)).await;
        Ok(changed)
    }

    /// Takes up to `at_most` events out of the audit log, the oldest first, that are older than `keep`. How
    /// many there were.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time.
    pub async fn expire_audit_events(&self, keep: Duration, at_most: Limit) -> Result<u64, Unavailable> {
        let keep = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
        let before = self.environment.now().unix_micros().saturating_sub(keep);
        match Timestamp::from_unix_micros(before) {
            Some(before) => self.audit.expire_events(before, at_most).await,
            // Before there were years.
            None => Ok(0),
        }
    }
}
