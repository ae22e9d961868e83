//! Organizations.

use std::num::NonZeroU32;

use async_trait::async_trait;
use capykeys_domain::{
    model::{
        AuditEvent, ClerkOrganizationId, EventDetails, Organization, OrganizationId, Renaming, Suspension,
        SuspensionReason, Timestamp,
    },
    ports::{Organizations, Unavailable},
};
use rusqlite::{Connection, params};

use crate::{
    SqliteStore,
    audit_log::record,
    error::Failure,
    rows::{self, organization_columns},
    sql::{self, BEFORE_EVERY_ID},
};

const FIND: &str = concat!("SELECT ", organization_columns!(), " FROM organizations AS o WHERE o.id = ?1");
const FIND_BY_CLERK_ID: &str = concat!(
    "SELECT ",
    organization_columns!(),
    " FROM organizations AS o WHERE o.clerk_organization_id = ?1"
);
const LIST: &str = concat!(
    "SELECT ",
    organization_columns!(),
    " FROM organizations AS o WHERE o.id > ?1 ORDER BY o.id LIMIT ?2"
);
const INSERT: &str = "INSERT INTO organizations (id, name, slug, created_at, updated_at, \
     clerk_organization_id, clerk_organization_slug, suspended_at, suspended_reason) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const RENAME: &str = "UPDATE organizations SET name = ?2, slug = ?3, clerk_organization_slug = ?4, \
     updated_at = ?5 WHERE id = ?1";
const SET_SUSPENSION: &str =
    "UPDATE organizations SET suspended_at = ?2, suspended_reason = ?3, updated_at = ?4 WHERE id = ?1";

#[async_trait]
impl Organizations for SqliteStore {
    async fn find(&self, id: OrganizationId) -> Result<Option<Organization>, Unavailable> {
        self.read("find organization", |connection| find(connection, id))
    }

    async fn find_by_clerk_id(&self, id: &ClerkOrganizationId) -> Result<Option<Organization>, Unavailable> {
        self.read("find organization by its id at Clerk", |connection| find_by_clerk_id(connection, id))
    }

    async fn list(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> Result<Vec<Organization>, Unavailable> {
        self.read_many("list organizations", move |connection| {
            let after = after.map(OrganizationId::uuid);
            let after = after.as_ref().map_or(BEFORE_EVERY_ID, |id| id.as_bytes());
            sql::all(connection, LIST, params![after, limit.get()], rows::organization)
        })
        .await
    }

    async fn create(
        &self,
        organization: &Organization,
        event: &AuditEvent,
    ) -> Result<Organization, Unavailable> {
        let (organization, event) = (organization.clone(), event.clone());
        self.write("create organization", move |connection| {
            // Nobody can come between this and the insert: there is one writer at a time.
            let known = match &organization.clerk {
                Some(clerk) => find_by_clerk_id(connection, &clerk.id)?,
                None => None,
            };
            if let Some(known) = known {
                return Ok(known);
            }
            insert(connection, &organization)?;
            record(connection, &event)?;
            Ok(organization)
        })
        .await
    }

    async fn rename(
        &self,
        id: OrganizationId,
        renaming: &Renaming,
        at: Timestamp,
        event: &AuditEvent,
    ) -> Result<Option<Organization>, Unavailable> {
        let (renaming, event) = (renaming.clone(), event.clone());
        self.write("rename organization", move |connection| {
            let Some(known) = find(connection, id)? else { return Ok(None) };
            let Some(renamed) = known.renamed(&renaming, at) else { return Ok(Some(known)) };
            let parameters = params![
                id.uuid().into_bytes(),
                renamed.name.as_str(),
                renamed.slug.as_str(),
                renamed.clerk.as_ref().and_then(|clerk| clerk.slug.as_deref()),
                at.unix_micros()
            ];
            sql::execute(connection, RENAME, parameters)?;
            let details = EventDetails::of_renaming(&known, &renamed);
            record(connection, &AuditEvent { details, ..event })?;
            Ok(Some(renamed))
        })
        .await
    }

    async fn set_suspension(
        &self,
        id: OrganizationId,
        suspension: Option<&Suspension>,
        at: Timestamp,
        event: &AuditEvent,
    ) -> Result<Option<Organization>, Unavailable> {
        let (suspension, event) = (suspension.cloned(), event.clone());
        self.write("set suspension", move |connection| {
            let Some(known) = find(connection, id)? else { return Ok(None) };
            if known.is_suspended() == suspension.is_some() {
                return Ok(Some(known));
            }
            let (since, reason) = suspension_columns(suspension.as_ref());
            let parameters = params![id.uuid().into_bytes(), since, reason, at.unix_micros()];
            sql::execute(connection, SET_SUSPENSION, parameters)?;
            record(connection, &event)?;
            Ok(Some(Organization { updated_at: at, suspension, ..known }))
        })
        .await
    }
}

pub(crate) fn find(connection: &Connection, id: OrganizationId) -> Result<Option<Organization>, Failure> {
    sql::first(connection, FIND, params![id.uuid().into_bytes()], rows::organization)
}

fn find_by_clerk_id(
    connection: &Connection,
    id: &ClerkOrganizationId,
) -> Result<Option<Organization>, Failure> {
    sql::first(connection, FIND_BY_CLERK_ID, params![id.as_str()], rows::organization)
}

fn insert(connection: &Connection, organization: &Organization) -> Result<(), Failure> {
    let clerk = organization.clerk.as_ref();
    let (suspended_at, suspended_reason) = suspension_columns(organization.suspension.as_ref());
    let parameters = params![
        organization.id.uuid().into_bytes(),
        organization.name.as_str(),
        organization.slug.as_str(),
        organization.created_at.unix_micros(),
        organization.updated_at.unix_micros(),
        clerk.map(|clerk| clerk.id.as_str()),
        clerk.and_then(|clerk| clerk.slug.as_deref()),
        suspended_at,
        suspended_reason,
    ];
    sql::execute(connection, INSERT, parameters).map(|_| ())
}

fn suspension_columns(suspension: Option<&Suspension>) -> (Option<i64>, Option<&str>) {
    let reason = suspension.and_then(|suspension| suspension.reason.as_ref());
    (suspension.map(|suspension| suspension.at.unix_micros()), reason.map(SuspensionReason::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_lookups_are_read_off_an_index_without_sorting() {
        for (sql, key, number) in
            [(LIST, "id>?", 1), (FIND, "id=?", 1), (FIND_BY_CLERK_ID, "clerk_organization_id=?", 2)]
        {
            let step = format!("SEARCH o USING INDEX sqlite_autoindex_organizations_{number} ({key})");
            assert_eq!(crate::schema::plan(sql), [step]);
        }
    }
}
