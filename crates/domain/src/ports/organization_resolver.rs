//! What is known of a session's organization right now.

use alloc::boxed::Box;

use async_trait::async_trait;

use super::{Organizations, Unavailable};
use crate::model::{ExternalOrganizationId, Organization, OrganizationId};

/// Finds the organizations of sessions, from memory where that is as good as asking the store: the
/// same holds of it as of [`KeyResolver`](super::KeyResolver). What a verdict does not depend on, such
/// as the name, may be older until it is told to
/// [forget](OrganizationResolver::forget_organization).
#[async_trait]
pub trait OrganizationResolver: Send + Sync {
    /// Our organization for this one at Clerk.
    ///
    /// # Errors
    /// [`Unavailable`] where the store had to be asked and did not answer in time.
    async fn resolve_organization(
        &self,
        id: &ExternalOrganizationId,
    ) -> Result<Option<Organization>, Unavailable>;

    /// Asks the store the next time, about this organization.
    fn forget_organization(&self, id: OrganizationId);
}

/// The store itself, asked each time.
#[async_trait]
impl<T: Organizations + ?Sized> OrganizationResolver for T {
    async fn resolve_organization(
        &self,
        id: &ExternalOrganizationId,
    ) -> Result<Option<Organization>, Unavailable> {
        self.find_organization_by_external_id(id).await
    }

    fn forget_organization(&self, _: OrganizationId) {}
}
