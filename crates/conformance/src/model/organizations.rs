//! The organizations of the model.

use std::ops::Bound;

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditEvent, EventDetails, ExternalOrganizationId, Organization, OrganizationId},
    ports::{
        Change, Limit, OrganizationInsertion, Organizations, RenameOrganization, SetSuspension, Unavailable,
    },
};

use super::ModelStore;

#[async_trait]
impl Organizations for ModelStore {
    async fn find_organization(&self, id: OrganizationId) -> Result<Option<Organization>, Unavailable> {
        Ok(self.state().organizations.get(&id).cloned())
    }

    async fn find_organization_by_external_id(
        &self,
        id: &ExternalOrganizationId,
    ) -> Result<Option<Organization>, Unavailable> {
        Ok(self.state().at_clerk(id))
    }

    async fn list_organizations(
        &self,
        after: Option<OrganizationId>,
        limit: Limit,
    ) -> Result<Vec<Organization>, Unavailable> {
        let state = self.state();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = state.organizations.range((start, Bound::Unbounded));
        Ok(rows.map(|(_, organization)| organization.clone()).take(limit.get().into()).collect())
    }

    async fn create_organization(
        &self,
        organization: Organization,
        event: AuditEvent,
    ) -> Result<OrganizationInsertion, Unavailable> {
        let mut state = self.state();
        if let Some(known) = organization.clerk.as_ref().and_then(|clerk| state.at_clerk(&clerk.id)) {
            return Ok(OrganizationInsertion::Stored(known));
        }
        if state.organizations.contains_key(&organization.id) {
            return Ok(OrganizationInsertion::Duplicate);
        }
        state.organizations.insert(organization.id, organization.clone());
        state.log.push(event);
        Ok(OrganizationInsertion::Stored(organization))
    }

    async fn rename_organization(
        &self,
        rename: RenameOrganization,
    ) -> Result<Option<Organization>, Unavailable> {
        let RenameOrganization { id, renaming, at, event } = rename;
        let mut state = self.state();
        let Some(stored) = state.organizations.get_mut(&id) else {
            return Ok(None);
        };
        let Some(renamed) = stored.renamed(&renaming, at) else {
            return Ok(Some(stored.clone()));
        };
        let details = EventDetails::of_renaming(stored, &renamed);
        *stored = renamed.clone();
        state.log.push(AuditEvent { details, ..event });
        Ok(Some(renamed))
    }

    async fn set_suspension(&self, set: SetSuspension) -> Result<Option<Organization>, Unavailable> {
        let SetSuspension { id, suspension, at, event } = set;
        let mut state = self.state();
        let Some(stored) = state.organizations.get_mut(&id) else {
            return Ok(None);
        };
        if stored.is_suspended() != suspension.is_some() {
            stored.suspension = suspension;
            stored.updated_at = at;
            let stored = stored.clone();
            state.log.push(event);
            state.feed.tell(Change::Organization(id));
            return Ok(Some(stored));
        }
        Ok(Some(stored.clone()))
    }
}
