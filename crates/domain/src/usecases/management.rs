//! What the callers of the API do with the keys of their organizations.

use alloc::sync::Arc;

use super::{Environment, RotationSettings, Viewer};
use crate::{
    model::{Caller, KeyCaller, Organization, OrganizationId, SessionCaller},
    policy::{GetOrganization, Permit},
    ports::{AuditLog, KeyStore, Organizations, Replicas, Unavailable},
};

/// Listing, creating, changing and revoking keys, each with the [`Permit`] of it, and telling callers who they are.
pub struct Management {
    pub(super) environment: Arc<Environment>,
    pub(super) keys: Arc<dyn KeyStore>,
    pub(super) organizations: Arc<dyn Organizations>,
    pub(super) audit: Arc<dyn AuditLog>,
    pub(super) replicas: Arc<dyn Replicas>,
    pub(super) rotations: RotationSettings,
}

impl Management {
    /// Refusals are recorded in `audit`, and what is revoked is acknowledged when all of `replicas` obey.
    #[must_use]
    pub const fn new(
        environment: Arc<Environment>,
        keys: Arc<dyn KeyStore>,
        organizations: Arc<dyn Organizations>,
        audit: Arc<dyn AuditLog>,
        replicas: Arc<dyn Replicas>,
        rotations: RotationSettings,
    ) -> Self {
        Self { environment, keys, organizations, audit, replicas, rotations }
    }

    /// The permit's organization as it is stored now: what is remembered of it may still be called as
    /// it was before.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer.
    pub async fn organization(&self, permit: &Permit<GetOrganization>) -> Result<Organization, Unavailable> {
        self.stored(permit.organization_id()).await
    }

    /// What the caller is told about itself, with its organization as it is stored now; also where that
    /// is suspended.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer.
    pub async fn viewer(&self, mut caller: Caller) -> Result<Viewer, Unavailable> {
        match &mut caller {
            Caller::Key(KeyCaller { organization, .. })
            | Caller::Session(SessionCaller { organization: Some(organization), .. }) => {
                *organization = self.stored(organization.id).await?;
            }
            Caller::Session(SessionCaller { organization: None, .. }) => {}
        }
        Ok(caller.into())
    }

    async fn stored(&self, id: OrganizationId) -> Result<Organization, Unavailable> {
        let found = self.organizations.find_organization(id).await?;
        found.ok_or_else(|| Unavailable::new("store", "lost the organization"))
    }
}
