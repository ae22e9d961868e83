//! Organizations.

use alloc::{boxed::Box, vec::Vec};

use async_trait::async_trait;

use super::{Limit, Unavailable};
use crate::model::{
    AuditEvent, ExternalOrganizationId, Organization, OrganizationId, Renaming, Suspension, Timestamp,
};

/// What an organization is to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenameOrganization {
    /// Which one.
    pub id: OrganizationId,
    /// What it is to be called.
    pub renaming: Renaming,
    /// When.
    pub at: Timestamp,
    /// What is stored with it, with [`EventDetails::of_renaming`](crate::model::EventDetails::of_renaming).
    pub event: AuditEvent,
}

/// Whether an organization is to be suspended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetSuspension {
    /// Which one.
    pub id: OrganizationId,
    /// `None` ends its suspension.
    pub suspension: Option<Suspension>,
    /// When.
    pub at: Timestamp,
    /// What is stored with it.
    pub event: AuditEvent,
}

/// What came of creating an organization.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrganizationInsertion {
    /// This one is stored now: the new one, with its event, or the one that had the same id at Clerk before.
    Stored(Organization),
    /// Nothing was written: another one has this id.
    Duplicate,
}

impl OrganizationInsertion {
    /// The one that is stored now; `None` where nothing was written.
    #[must_use]
    pub fn stored(self) -> Option<Organization> {
        match self {
            Self::Stored(organization) => Some(organization),
            Self::Duplicate => None,
        }
    }
}

/// Stores organizations.
#[async_trait]
pub trait Organizations: Send + Sync {
    /// The organization with this id.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn find_organization(&self, id: OrganizationId) -> Result<Option<Organization>, Unavailable>;

    /// The organization for this one at Clerk.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn find_organization_by_external_id(
        &self,
        id: &ExternalOrganizationId,
    ) -> Result<Option<Organization>, Unavailable>;

    /// Up to `limit` organizations in ascending order of their ids (oldest first), beginning with
    /// the first whose id is higher than `after`. A list without gaps: one that cannot be read fails the call.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn list_organizations(
        &self,
        after: Option<OrganizationId>,
        limit: Limit,
    ) -> Result<Vec<Organization>, Unavailable>;

    /// Stores `organization` with `event`, unless one with the same id at Clerk is there already.
    /// Gives back the one that is stored then, so that of ten calls at once for one organization
    /// at Clerk all get the same, and one event is stored.
    ///
    /// # Errors
    /// [`Unavailable`]; then it may be stored or not, and to call again does no harm.
    async fn create_organization(
        &self,
        organization: Organization,
        event: AuditEvent,
    ) -> Result<OrganizationInsertion, Unavailable>;

    /// Calls the organization what the renaming says, with `updated_at` set, and stores the event
    /// with it. One that is called so already stays as it is, and no event is stored. The slug at
    /// Clerk is left alone where the organization has no counterpart there. Gives back what is
    /// stored then; `None` where there is no such organization.
    ///
    /// # Errors
    /// [`Unavailable`]; then it may be renamed or not.
    async fn rename_organization(
        &self,
        rename: RenameOrganization,
    ) -> Result<Option<Organization>, Unavailable>;

    /// Suspends the organization or ends its suspension, with `updated_at` set, and stores the event in the same
    /// transaction. One that is in that state already stays as it is, with
    /// its first time and reason, and no event is stored. Gives back what is stored then; `None`
    /// where there is no such organization.
    ///
    /// # Errors
    /// [`Unavailable`]; then it may be suspended or not.
    async fn set_suspension(&self, set: SetSuspension) -> Result<Option<Organization>, Unavailable>;
}
