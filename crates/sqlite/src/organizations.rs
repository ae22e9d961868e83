//! Organizations.

use std::sync::LazyLock;

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditEvent, EventDetails, ExternalOrganizationId, Organization, OrganizationId},
    ports::{Limit, OrganizationInsertion, Organizations, RenameOrganization, SetSuspension, Unavailable},
};
use capykeys_storage::{Columns, Values, operation};
use rusqlite::Connection;

use crate::{SqliteStore, audit_log::record, error::Failure, sql};

static FIND: LazyLock<String> = LazyLock::new(|| select("o.id = $id"));
static FIND_BY_CLERK_ID: LazyLock<String> = LazyLock::new(|| select("o.clerk_organization_id = $clerk_id"));
/// What stands there is before every id.
pub(crate) static LIST: LazyLock<String> =
    LazyLock::new(|| select("o.id > coalesce($after, x'') ORDER BY o.id LIMIT $limit"));
pub(crate) static INSERT: LazyLock<String> = LazyLock::new(|| {
    let columns = Columns::of::<Organization>("");
    format!(
        "INSERT INTO organizations ({}) VALUES ({}) ON CONFLICT DO NOTHING",
        columns.names(),
        columns.parameters()
    )
});
const RENAME: &str = "UPDATE organizations SET name = $name, slug = $slug, \
     clerk_organization_slug = $clerk_organization_slug, updated_at = $updated_at WHERE id = $id";
const SET_SUSPENSION: &str = "UPDATE organizations SET suspended_at = $suspended_at, \
     suspended_reason = $suspended_reason, updated_at = $updated_at WHERE id = $id";

/// Finds those for which `condition` is true of `o`.
fn select(condition: &str) -> String {
    format!("SELECT {} FROM organizations AS o WHERE {condition}", Columns::of::<Organization>("").from("o"))
}

#[async_trait]
impl Organizations for SqliteStore {
    async fn find_organization(&self, id: OrganizationId) -> Result<Option<Organization>, Unavailable> {
        self.read(operation::FIND_ORGANIZATION, |connection| find(connection, id))
    }

    async fn find_organization_by_external_id(
        &self,
        id: &ExternalOrganizationId,
    ) -> Result<Option<Organization>, Unavailable> {
        self.read(operation::FIND_ORGANIZATION_BY_EXTERNAL_ID, |connection| find_by_clerk_id(connection, id))
    }

    async fn list_organizations(
        &self,
        after: Option<OrganizationId>,
        limit: Limit,
    ) -> Result<Vec<Organization>, Unavailable> {
        self.read_many(operation::LIST_ORGANIZATIONS, move |connection| {
            sql::all(connection, &LIST, &Values::of("after", &after).and("limit", &limit))
        })
        .await
    }

    async fn create_organization(
        &self,
        organization: Organization,
        event: AuditEvent,
    ) -> Result<OrganizationInsertion, Unavailable> {
        self.write(operation::CREATE_ORGANIZATION, move |connection| {
            // Nobody can come between this and the insert: there is one writer at a time.
            let known = match &organization.clerk {
                Some(clerk) => find_by_clerk_id(connection, &clerk.id)?,
                None => None,
            };
            if let Some(known) = known {
                return Ok(OrganizationInsertion::Stored(known));
            }
            if sql::execute(connection, &INSERT, &Values::default().record("", &organization))? == 0 {
                return Ok(OrganizationInsertion::Duplicate);
            }
            record(connection, &event)?;
            Ok(OrganizationInsertion::Stored(organization))
        })
        .await
    }

    async fn rename_organization(
        &self,
        rename: RenameOrganization,
    ) -> Result<Option<Organization>, Unavailable> {
        self.write(operation::RENAME_ORGANIZATION, move |connection| {
            let RenameOrganization { id, renaming, at, event } = rename;
            let Some(known) = find(connection, id)? else { return Ok(None) };
            let Some(renamed) = known.renamed(&renaming, at) else { return Ok(Some(known)) };
            sql::execute(connection, RENAME, &Values::default().record("", &renamed))?;
            let details = EventDetails::of_renaming(&known, &renamed);
            record(connection, &AuditEvent { details, ..event })?;
            Ok(Some(renamed))
        })
        .await
    }

    async fn set_suspension(&self, set: SetSuspension) -> Result<Option<Organization>, Unavailable> {
        self.write(operation::SET_SUSPENSION, move |connection| {
            let SetSuspension { id, suspension, at, event } = set;
            let Some(known) = find(connection, id)? else { return Ok(None) };
            if known.is_suspended() == suspension.is_some() {
                return Ok(Some(known));
            }
            let suspended = Organization { updated_at: at, suspension, ..known };
            sql::execute(connection, SET_SUSPENSION, &Values::default().record("", &suspended))?;
            record(connection, &event)?;
            Ok(Some(suspended))
        })
        .await
    }
}

pub(crate) fn find(connection: &Connection, id: OrganizationId) -> Result<Option<Organization>, Failure> {
    sql::first(connection, &FIND, &Values::of("id", &id))
}

fn find_by_clerk_id(
    connection: &Connection,
    id: &ExternalOrganizationId,
) -> Result<Option<Organization>, Failure> {
    sql::first(connection, &FIND_BY_CLERK_ID, &Values::of("clerk_id", id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_lookups_are_read_off_an_index_without_sorting() {
        for (sql, key, number) in
            [(&LIST, "id>?", 1), (&FIND, "id=?", 1), (&FIND_BY_CLERK_ID, "clerk_organization_id=?", 2)]
        {
            let step = format!("SEARCH o USING INDEX sqlite_autoindex_organizations_{number} ({key})");
            assert_eq!(crate::schema::plan(sql), [step]);
        }
    }
}
