//! Organizations.

use std::sync::LazyLock;

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditEvent, ExternalOrganizationId, Organization, OrganizationId},
    ports::{Limit, OrganizationInsertion, Organizations, RenameOrganization, SetSuspension, Unavailable},
};
use capykeys_storage::{Columns, Values, operation};

use crate::{
    audit::{GIVEN_DETAILS, WRITTEN, insert_event},
    line::answer,
    rows,
    statement::Statement,
    store::PostgresStore,
};

fn columns() -> Columns {
    Columns::of::<Organization>("")
}

/// What a change answers with.
fn answered() -> Columns {
    columns().with(Columns::named(&[WRITTEN]))
}

/// Finds those for which `condition` is true of `o`.
fn select(operation: &'static str, condition: &str, order: &str) -> Statement {
    let query =
        format!("SELECT true AS found, {} FROM organizations o WHERE {condition}", columns().from("o"));
    Statement::new(operation, &(answer(&columns(), &query) + order))
}

static FIND: LazyLock<Statement> = LazyLock::new(|| select(operation::FIND_ORGANIZATION, "o.id = $id", ""));

static FIND_BY_CLERK_ID: LazyLock<Statement> = LazyLock::new(|| {
    select(operation::FIND_ORGANIZATION_BY_EXTERNAL_ID, "o.clerk_organization_id = $clerk_id", "")
});

static LIST: LazyLock<Statement> = LazyLock::new(|| {
    let page = "$after IS NULL OR o.id > $after ORDER BY o.id LIMIT $limit";
    select(operation::LIST_ORGANIZATIONS, page, " ORDER BY answer.id")
});

/// The organization that was stored, or the one that was there. No row where another transaction
/// stored it after this statement began: the conflict is seen, the row is not.
///
/// The one that was there is locked, which is a commit of this statement's own: who stored it may have been told that
/// it is on no standby yet, and asks again.
static CREATE: LazyLock<Statement> = LazyLock::new(|| {
    let (names, parameters) = (columns().names(), columns().parameters());
    let insert_event = insert_event("NULL", GIVEN_DETAILS);
    let query = format!(
        "SELECT true AS found, {}, true AS written FROM inserted UNION ALL SELECT true, {}, false FROM stored",
        columns().from("inserted"),
        columns().from("stored")
    );
    Statement::new(
        operation::CREATE_ORGANIZATION,
        &format!(
            ", inserted AS (\
                 INSERT INTO organizations AS o ({names}) SELECT {parameters} FROM line \
                 ON CONFLICT DO NOTHING RETURNING {returned}\
             ), stored AS (\
                 SELECT {returned} FROM organizations o, line \
                 WHERE o.clerk_organization_id = $clerk_organization_id AND NOT EXISTS (SELECT FROM inserted) \
                 FOR KEY SHARE OF o\
             ), logged AS ({insert_event} FROM inserted){answer}",
            returned = columns().from("o"),
            answer = answer(&answered(), &query)
        ),
    )
    .kept()
});

/// Locks the row, as that of a key is that is to be revoked; lets `changed` change it; and answers with
/// what it is then. The lock lets keys be inserted meanwhile. The event has these `details`.
fn change(operation: &'static str, changed: &str, details: &str) -> Statement {
    let (own, insert_event) = (columns().from("o"), insert_event("NULL", details));
    let query = format!(
        "SELECT true AS found, {}, true AS written FROM changed UNION ALL \
         SELECT true, {}, false FROM target WHERE NOT EXISTS (SELECT FROM changed)",
        columns().from("changed"),
        columns().from("target")
    );
    Statement::new(
        operation,
        &format!(
            ", target AS (SELECT {own} FROM organizations o, line WHERE o.id = $id FOR NO KEY UPDATE OF o), \
             {changed} RETURNING {own}), logged AS ({insert_event} FROM changed, target){}",
            answer(&answered(), &query)
        ),
    )
    .kept()
}

static SET_SUSPENSION: LazyLock<Statement> = LazyLock::new(|| {
    change(
        operation::SET_SUSPENSION,
        "changed AS (\
             UPDATE organizations o SET suspended_at = $suspended_at, suspended_reason = $suspended_reason, \
                 updated_at = $at \
             FROM target WHERE o.id = target.id AND (target.suspended_at IS NULL) <> ($suspended_at IS NULL)",
        GIVEN_DETAILS,
    )
});

/// What is not given stays; without a counterpart at Clerk there is no slug there.
static RENAME: LazyLock<Statement> = LazyLock::new(|| {
    change(
        operation::RENAME_ORGANIZATION,
        "called AS (\
             SELECT coalesce($name, name) AS name, coalesce($slug, slug) AS slug, \
                 CASE WHEN clerk_organization_id IS NOT NULL \
                     THEN coalesce($clerk_slug, clerk_organization_slug) END AS clerk_organization_slug \
             FROM target\
         ), \
         changed AS (\
             UPDATE organizations o SET name = called.name, slug = called.slug, \
                 clerk_organization_slug = called.clerk_organization_slug, updated_at = $at \
             FROM called WHERE o.id = $id AND (called.name, called.slug, called.clerk_organization_slug) \
                 IS DISTINCT FROM (o.name, o.slug, o.clerk_organization_slug)",
        &of_renaming(),
    )
});

/// Each name that has changed, as it is and as it was: `EventDetails::of_renaming`.
fn of_renaming() -> String {
    let names = ["name", "slug", "clerk_organization_slug"].map(|name| {
        let is_new = format!("CASE WHEN changed.{name} IS DISTINCT FROM target.{name} THEN");
        format!("'{name}', {is_new} changed.{name} END, 'previous_{name}', {is_new} target.{name} END")
    });
    format!("jsonb_strip_nulls(jsonb_build_object({}))", names.join(", "))
}

#[async_trait]
impl Organizations for PostgresStore {
    async fn find_organization(&self, id: OrganizationId) -> Result<Option<Organization>, Unavailable> {
        self.pool.run(&FIND, Values::of("id", &id), rows::first).await
    }

    async fn find_organization_by_external_id(
        &self,
        id: &ExternalOrganizationId,
    ) -> Result<Option<Organization>, Unavailable> {
        self.pool.run(&FIND_BY_CLERK_ID, Values::of("clerk_id", id), rows::first).await
    }

    async fn list_organizations(
        &self,
        after: Option<OrganizationId>,
        limit: Limit,
    ) -> Result<Vec<Organization>, Unavailable> {
        self.pool.run(&LIST, Values::of("after", &after).and("limit", &limit), rows::all).await
    }

    async fn create_organization(
        &self,
        organization: Organization,
        event: AuditEvent,
    ) -> Result<OrganizationInsertion, Unavailable> {
        let create = || {
            let values = Values::default().record("", &organization).record("event_", &event);
            self.pool.run(&CREATE, values, rows::first)
        };
        let stored = match create().await? {
            None if organization.clerk.is_some() => create().await?,
            stored => stored,
        };
        Ok(stored.map_or(OrganizationInsertion::Duplicate, OrganizationInsertion::Stored))
    }

    async fn rename_organization(
        &self,
        rename: RenameOrganization,
    ) -> Result<Option<Organization>, Unavailable> {
        let RenameOrganization { id, renaming, at, event } = &rename;
        let names = Values::of("name", &renaming.name)
            .and("slug", &renaming.slug)
            .and("clerk_slug", &renaming.clerk_slug);
        let values = names.and("id", id).and("at", at).record("event_", event);
        self.pool.run(&RENAME, values, rows::first).await
    }

    async fn set_suspension(&self, set: SetSuspension) -> Result<Option<Organization>, Unavailable> {
        let SetSuspension { id, suspension, at, event } = &set;
        let values = Values::of("id", id).and("at", at).record("", suspension).record("event_", event);
        self.pool.run(&SET_SUSPENSION, values, rows::first).await
    }
}
