//! Organizations.

use std::num::NonZeroU32;

use async_trait::async_trait;
use capykeys_domain::{
    model::{
        AuditEvent, ClerkOrganizationId, Organization, OrganizationId, OrganizationName, Renaming, Slug,
        Suspension, SuspensionReason, Timestamp,
    },
    ports::{Organizations, Unavailable},
};
use tokio_postgres::{Row, types::Type};

use crate::{
    audit::{EventValues, given_details, insert_event},
    failure::Failure,
    instant::Instant,
    line::answer,
    pool::Param,
    rows::{Reader, organization_columns},
    store::PostgresStore,
};

const FIND: &str =
    answer!("SELECT true AS found, ", organization_columns!("o"), " FROM organizations o WHERE o.id = $1");

const FIND_BY_CLERK_ID: &str = answer!(
    "SELECT true AS found, ",
    organization_columns!("o"),
    " FROM organizations o WHERE o.clerk_organization_id = $1"
);

const LIST: &str = concat!(
    answer!(
        "SELECT true AS found, ",
        organization_columns!("o"),
        " FROM organizations o WHERE $1 IS NULL OR o.id > $1 ORDER BY o.id LIMIT $2"
    ),
    " ORDER BY answer.id"
);

/// The organization that was stored, or the one that was there. No row where another transaction
/// stored it after this statement began: the conflict is seen, the row is not.
const CREATE: &str = concat!(
    ", inserted AS (\
         INSERT INTO organizations AS o \
             (id, name, slug, created_at, updated_at, clerk_organization_id, clerk_organization_slug, \
              suspended_at, suspended_reason) \
         SELECT $10, $11, $12, $13, $14, $15, $16, $17, $18 FROM line \
         ON CONFLICT (clerk_organization_id) DO NOTHING RETURNING ",
    organization_columns!("o"),
    "), logged AS (",
    insert_event!("NULL", given_details!()),
    "FROM inserted)",
    answer!(
        "SELECT true AS found, * FROM inserted UNION ALL \
         SELECT true, ",
        organization_columns!("o"),
        " FROM organizations o WHERE o.clerk_organization_id = $15 AND NOT EXISTS (SELECT FROM inserted)"
    )
);

/// What a statement answers that has changed the row `target`, or has left it as it is.
macro_rules! changed_or_target {
    () => {
        answer!(
            "SELECT true AS found, * FROM changed \
             UNION ALL SELECT true, * FROM target WHERE NOT EXISTS (SELECT FROM changed)"
        )
    };
}

/// Locked first, as a key is that is to be revoked. The lock lets keys be inserted meanwhile.
const SET_SUSPENSION: &str = concat!(
    ", target AS (SELECT ",
    organization_columns!("o"),
    " FROM organizations o, line WHERE o.id = $10 FOR NO KEY UPDATE OF o), \
     changed AS (\
         UPDATE organizations o SET suspended_at = $11, suspended_reason = $12, updated_at = $13 FROM target \
         WHERE o.id = target.id AND (target.suspended_at IS NULL) <> ($11 IS NULL) RETURNING ",
    organization_columns!("o"),
    "), logged AS (",
    insert_event!("NULL", given_details!()),
    "FROM changed)",
    changed_or_target!()
);

/// A name that has changed, as it is and as it was: `EventDetails::of_renaming`.
macro_rules! names {
    ($name:literal) => {
        concat!(
            "'",
            $name,
            "', CASE WHEN changed.",
            $name,
            " IS DISTINCT FROM target.",
            $name,
            " THEN changed.",
            $name,
            " END, 'previous_",
            $name,
            "', CASE WHEN changed.",
            $name,
            " IS DISTINCT FROM target.",
            $name,
            " THEN target.",
            $name,
            " END"
        )
    };
}

/// What is not given stays; without a counterpart at Clerk there is no slug there.
const RENAME: &str = concat!(
    ", target AS (SELECT ",
    organization_columns!("o"),
    " FROM organizations o, line WHERE o.id = $10 FOR NO KEY UPDATE OF o), \
     called AS (\
         SELECT coalesce($11, name) AS name, coalesce($12, slug) AS slug, \
             CASE WHEN clerk_organization_id IS NOT NULL THEN coalesce($13, clerk_organization_slug) END \
                 AS clerk_organization_slug \
         FROM target\
     ), \
     changed AS (\
         UPDATE organizations o SET name = called.name, slug = called.slug, \
             clerk_organization_slug = called.clerk_organization_slug, updated_at = $14 \
         FROM called WHERE o.id = $10 AND (called.name, called.slug, called.clerk_organization_slug) \
             IS DISTINCT FROM (o.name, o.slug, o.clerk_organization_slug) RETURNING ",
    organization_columns!("o"),
    "), logged AS (",
    insert_event!(
        "NULL",
        concat!(
            "jsonb_strip_nulls(jsonb_build_object(",
            names!("name"),
            ", ",
            names!("slug"),
            ", ",
            names!("clerk_organization_slug"),
            "))"
        )
    ),
    "FROM changed, target)",
    changed_or_target!()
);

#[async_trait]
impl Organizations for PostgresStore {
    async fn find(&self, id: OrganizationId) -> Result<Option<Organization>, Unavailable> {
        let id = id.uuid();
        self.organization("find an organization", FIND, &[(&id, Type::UUID)]).await
    }

    async fn find_by_clerk_id(&self, id: &ClerkOrganizationId) -> Result<Option<Organization>, Unavailable> {
        let id = id.as_str();
        self.organization("find an organization by its id at Clerk", FIND_BY_CLERK_ID, &[(&id, Type::TEXT)])
            .await
    }

    async fn list(
        &self,
        after: Option<OrganizationId>,
        limit: NonZeroU32,
    ) -> Result<Vec<Organization>, Unavailable> {
        let (after, limit) = (after.map(OrganizationId::uuid), i64::from(limit.get()));
        let rows = self.pool.run(LIST, &[(&after, Type::UUID), (&limit, Type::INT8)]).await;
        rows.and_then(|rows| rows.iter().map(read).collect())
            .map_err(|failure| failure.during("list organizations"))
    }

    async fn create(
        &self,
        organization: &Organization,
        event: &AuditEvent,
    ) -> Result<Organization, Unavailable> {
        const OPERATION: &str = "create an organization";
        let id = organization.id.uuid();
        let (name, slug) = (organization.name.as_str(), organization.slug.as_str());
        let (created_at, updated_at) = (Instant(organization.created_at), Instant(organization.updated_at));
        let clerk = organization.clerk.as_ref();
        let (clerk_id, clerk_slug) = (clerk.map(|clerk| clerk.id.as_str()), clerk.map(|clerk| &clerk.slug));
        let (suspended_at, reason) = suspension_values(organization.suspension.as_ref());
        let params: [Param<'_>; 9] = [
            (&id, Type::UUID),
            (&name, Type::TEXT),
            (&slug, Type::TEXT),
            (&created_at, Type::TIMESTAMPTZ),
            (&updated_at, Type::TIMESTAMPTZ),
            (&clerk_id, Type::TEXT),
            (&clerk_slug, Type::TEXT),
            (&suspended_at, Type::TIMESTAMPTZ),
            (&reason, Type::TEXT),
        ];
        let stored = self.organization(OPERATION, CREATE, &EventValues::new(event).params(params)).await?;
        let stored = match (stored, clerk) {
            (None, Some(clerk)) => self.find_by_clerk_id(&clerk.id).await?,
            (stored, _) => stored,
        };
        stored.ok_or_else(|| Unavailable::new("postgres", format_args!("{OPERATION}: it is gone again")))
    }

    async fn rename(
        &self,
        id: OrganizationId,
        renaming: &Renaming,
        at: Timestamp,
        event: &AuditEvent,
    ) -> Result<Option<Organization>, Unavailable> {
        let (id, at) = (id.uuid(), Instant(at));
        let name = renaming.name.as_ref().map(OrganizationName::as_str);
        let slug = renaming.slug.as_ref().map(Slug::as_str);
        let params: [Param<'_>; 5] = [
            (&id, Type::UUID),
            (&name, Type::TEXT),
            (&slug, Type::TEXT),
            (&renaming.clerk_slug, Type::TEXT),
            (&at, Type::TIMESTAMPTZ),
        ];
        self.organization("rename an organization", RENAME, &EventValues::new(event).params(params)).await
    }

    async fn set_suspension(
        &self,
        id: OrganizationId,
        suspension: Option<&Suspension>,
        at: Timestamp,
        event: &AuditEvent,
    ) -> Result<Option<Organization>, Unavailable> {
        let (id, at) = (id.uuid(), Instant(at));
        let (suspended_at, reason) = suspension_values(suspension);
        let params: [Param<'_>; 4] = [
            (&id, Type::UUID),
            (&suspended_at, Type::TIMESTAMPTZ),
            (&reason, Type::TEXT),
            (&at, Type::TIMESTAMPTZ),
        ];
        self.organization(
            "suspend or resume an organization",
            SET_SUSPENSION,
            &EventValues::new(event).params(params),
        )
        .await
    }
}

impl PostgresStore {
    async fn organization(
        &self,
        operation: &'static str,
        statement: &str,
        params: &[Param<'_>],
    ) -> Result<Option<Organization>, Unavailable> {
        let rows = self.pool.run(statement, params).await;
        rows.and_then(|rows| rows.first().map(read).transpose()).map_err(|failure| failure.during(operation))
    }
}

fn suspension_values(suspension: Option<&Suspension>) -> (Option<Instant>, Option<&str>) {
    let at = suspension.map(|suspension| Instant(suspension.at));
    let reason = suspension.and_then(|suspension| suspension.reason.as_ref());
    (at, reason.map(SuspensionReason::as_str))
}

fn read(row: &Row) -> Result<Organization, Failure> {
    Reader::new(row).organization()
}
