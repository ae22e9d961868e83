//! Organizations.

use alloc::{boxed::Box, vec::Vec};
use core::num::NonZeroU32;

use async_trait::async_trait;

use super::Unavailable;
use crate::model::{
    AuditEvent, ClerkOrganizationId, Organization, OrganizationId, Renaming, Suspension, Timestamp,
};

/// Stores organizations.
#[async_trait]
pub trait Organizations: Send + Sync {
    /// The organization with this id.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time.
    async fn find(&self, id: OrganizationId) -> Result<Option<Organization>, Unavailable>;

    /// The organization for this one at Clerk.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time.
    async fn find_by_clerk_id(&self, id: &ClerkOrganizationId) -> Result<Option<Organization>, Unavailable>;

    /// Up to `limit` organizations in ascending order of their ids (oldest first), beginning with
    /// the first whose id is higher than `after`.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time.
    async fn list(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> Result<Vec<Organization>, Unavailable>;

    /// Stores `organization` with `event`, unless one with the same id at Clerk is there already.
    /// Gives back the one that is stored then, so that of ten calls at once for one organization
    /// at Clerk all get the same, and one event is stored.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time, or has one with the same own id.
    async fn create(
        &self,
        organization: &Organization,
        event: &AuditEvent,
    ) -> Result<Organization, Unavailable>;

    /// Calls the organization what `renaming` says, with `updated_at` set to `at`, and stores `event`
    /// with it. One that is called so already stays as it is, and no event is stored. The slug at
    /// Clerk is left alone where the organization has no counterpart there. Gives back what is
    /// stored then; `None` where there is no such organization.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time.
    async fn rename(
        &self,
        id: OrganizationId,
        renaming: &Renaming,
        at: Timestamp,
        event: &AuditEvent,
    ) -> Result<Option<Organization>, Unavailable>;

    /// Suspends the organization (`Some`) or ends its suspension (`None`), with `updated_at` set
    /// to `at`, and stores `event` with it. One that is in that state already stays as it is, with
    /// its first time and reason, and no event is stored. Gives back what is stored then; `None`
    /// where there is no such organization.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time.
    async fn set_suspension(
        &self,
        id: OrganizationId,
        suspension: Option<&Suspension>,
        at: Timestamp,
        event: &AuditEvent,
    ) -> Result<Option<Organization>, Unavailable>;
}
