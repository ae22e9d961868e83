//! Organizations.

use std::ops::Bound;

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditEvent, EventDetails, ExternalOrganizationId, Organization, OrganizationId},
    ports::{
        Change, Limit, OrganizationInsertion, Organizations, RenameOrganization, SetSuspension, Unavailable,
    },
};
use capykeys_storage::{Document, Row as _, operation};
use redb::{ReadableTable, WriteTransaction};

use crate::{
    RedbStore,
    audit_log::record,
    change_feed::tell,
    error::Failure,
    tables::{ORGANIZATIONS, ORGANIZATIONS_AT_CLERK, Reads, expect, find, get, put, read},
};

#[async_trait]
impl Organizations for RedbStore {
    async fn find_organization(&self, id: OrganizationId) -> Result<Option<Organization>, Unavailable> {
        self.read(operation::FIND_ORGANIZATION, move |transaction| {
            find(&transaction.table(ORGANIZATIONS)?, id.uuid().as_u128())
        })
        .await
    }

    async fn find_organization_by_external_id(
        &self,
        id: &ExternalOrganizationId,
    ) -> Result<Option<Organization>, Unavailable> {
        let id = id.clone();
        self.read(operation::FIND_ORGANIZATION_BY_EXTERNAL_ID, move |transaction| at_clerk(transaction, &id))
            .await
    }

    async fn list_organizations(
        &self,
        after: Option<OrganizationId>,
        limit: Limit,
    ) -> Result<Vec<Organization>, Unavailable> {
        self.read(operation::LIST_ORGANIZATIONS, move |transaction| {
            let after = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.uuid().as_u128()));
            let organizations = transaction.table(ORGANIZATIONS)?;
            let page = organizations.range::<u128>((after, Bound::Unbounded))?.take(limit.get().into());
            page.map(|entry| Ok(read(entry?.1.value())?)).collect()
        })
        .await
    }

    async fn create_organization(
        &self,
        organization: Organization,
        event: AuditEvent,
    ) -> Result<OrganizationInsertion, Unavailable> {
        self.write(operation::CREATE_ORGANIZATION, move |transaction| {
            create(transaction, organization, event)
        })
        .await
    }

    async fn rename_organization(
        &self,
        rename: RenameOrganization,
    ) -> Result<Option<Organization>, Unavailable> {
        self.write(operation::RENAME_ORGANIZATION, move |transaction| {
            let RenameOrganization { id, renaming, at, event } = rename;
            let Some((document, known)) = stored(transaction, id)? else { return Ok(None) };
            let Some(renamed) = known.renamed(&renaming, at) else { return Ok(Some(known)) };
            store(transaction, id, &document.with(&renamed))?;
            let details = EventDetails::of_renaming(&known, &renamed);
            record(transaction, AuditEvent { details, ..event })?;
            Ok(Some(renamed))
        })
        .await
    }

    async fn set_suspension(&self, set: SetSuspension) -> Result<Option<Organization>, Unavailable> {
        let host = self.host().clone();
        self.write(operation::SET_SUSPENSION, move |transaction| {
            let SetSuspension { id, suspension, at, event } = set;
            let Some((document, known)) = stored(transaction, id)? else { return Ok(None) };
            if known.is_suspended() == suspension.is_some() {
                return Ok(Some(known));
            }
            let changed = Organization { updated_at: at, suspension, ..known };
            store(transaction, id, &document.with(&changed))?;
            record(transaction, event)?;
            tell(transaction, &host, Change::Organization(id))?;
            Ok(Some(changed))
        })
        .await
    }
}

pub(crate) fn at_clerk(
    transaction: &impl Reads,
    id: &ExternalOrganizationId,
) -> Result<Option<Organization>, Failure> {
    let by_clerk_id = transaction.table(ORGANIZATIONS_AT_CLERK)?;
    let Some(own) = by_clerk_id.get(id.as_str())? else { return Ok(None) };
    expect(&transaction.table(ORGANIZATIONS)?, own.value(), "id").map(Some)
}

fn create(
    transaction: &WriteTransaction,
    organization: Organization,
    event: AuditEvent,
) -> Result<OrganizationInsertion, Failure> {
    let id = organization.id.uuid().as_u128();
    if let Some(clerk) = &organization.clerk
        && let Some(known) = at_clerk(transaction, &clerk.id)?
    {
        return Ok(OrganizationInsertion::Stored(known));
    }
    if transaction.open_table(ORGANIZATIONS)?.get(id)?.is_some() {
        return Ok(OrganizationInsertion::Duplicate);
    }
    add(transaction, &organization)?;
    record(transaction, event)?;
    Ok(OrganizationInsertion::Stored(organization))
}

/// Stores an organization that is not there, under neither of its ids.
pub(crate) fn add(transaction: &WriteTransaction, organization: &Organization) -> Result<(), Failure> {
    store(transaction, organization.id, &Document::of(organization))?;
    if let Some(clerk) = &organization.clerk {
        let id = organization.id.uuid().as_u128();
        transaction.open_table(ORGANIZATIONS_AT_CLERK)?.insert(clerk.id.as_str(), id)?;
    }
    Ok(())
}

/// The organization of this id, and its document, which whoever changes it puts the change into.
fn stored(
    transaction: &WriteTransaction,
    id: OrganizationId,
) -> Result<Option<(Document, Organization)>, Failure> {
    let organizations = transaction.open_table(ORGANIZATIONS)?;
    let Some(document) = get(&organizations, id.uuid().as_u128())? else { return Ok(None) };
    let organization = document.record("")?;
    Ok(Some((document, organization)))
}

fn store(transaction: &WriteTransaction, id: OrganizationId, document: &Document) -> Result<(), Failure> {
    put(&mut transaction.open_table(ORGANIZATIONS)?, id.uuid().as_u128(), document)
}
