//! Rows to domain types.

use capykeys_domain::{
    model::{
        ApiKey, ClerkLink, ClerkOrganizationId, DeviceName, KeyId, KeyName, KeySource, Organization,
        OrganizationId, OrganizationName, ProjectId, ScopeSet, Slug, Suspension, SuspensionReason, UserId,
    },
    secret::KeyPrefix,
};

use crate::{error::Failure, sql::Columns};

/// The columns that [`api_key`] takes, in its order.
macro_rules! key_columns {
    () => {
        "k.id, k.organization_id, k.name, k.key_prefix, k.scopes, k.source, k.created_at, \
         k.created_by_user_id, k.device_name, k.expires_at, k.last_used_at, k.project_id, k.revoked_at"
    };
}

/// The columns that [`organization`] takes, in its order.
macro_rules! organization_columns {
    () => {
        "o.id, o.name, o.slug, o.created_at, o.updated_at, o.clerk_organization_id, \
         o.clerk_organization_slug, o.suspended_at, o.suspended_reason"
    };
}

pub(crate) use {key_columns, organization_columns};

/// The columns of `key_columns!`.
pub(crate) fn api_key(columns: &mut Columns<'_>) -> Result<ApiKey, Failure> {
    Ok(ApiKey {
        id: columns.id("id", KeyId::from_uuid)?,
        organization_id: columns.id("organization_id", OrganizationId::from_uuid)?,
        name: columns.text("name", |text| KeyName::from_stored(text).ok())?,
        key_prefix: columns.text("key_prefix", |text| Some(KeyPrefix::from_stored(text)))?,
        scopes: columns.text("scopes", |text| ScopeSet::from_stored(text.split(' ')).ok())?,
        source: columns.text("source", KeySource::from_name)?,
        created_at: columns.time("created_at")?,
        created_by_user_id: columns.optional_text("created_by_user_id", UserId::parse)?,
        device_name: columns.optional_text("device_name", |text| DeviceName::from_stored(text).ok())?,
        expires_at: columns.optional_time("expires_at")?,
        last_used_at: columns.optional_time("last_used_at")?,
        project_id: columns.optional_text("project_id", |text| ProjectId::parse(text).ok())?,
        revoked_at: columns.optional_time("revoked_at")?,
    })
}

/// The columns of `organization_columns!`.
pub(crate) fn organization(columns: &mut Columns<'_>) -> Result<Organization, Failure> {
    Ok(Organization {
        id: columns.id("id", OrganizationId::from_uuid)?,
        name: columns.text("name", |text| OrganizationName::from_stored(text).ok())?,
        slug: columns.text("slug", |text| Slug::parse(text).ok())?,
        created_at: columns.time("created_at")?,
        updated_at: columns.time("updated_at")?,
        clerk: clerk_link(columns)?,
        suspension: suspension(columns)?,
    })
}

fn clerk_link(columns: &mut Columns<'_>) -> Result<Option<ClerkLink>, Failure> {
    let id = columns.optional_text("clerk_organization_id", ClerkOrganizationId::parse)?;
    let slug = columns.optional_text("clerk_organization_slug", |text| Some(text.to_owned()))?;
    match (id, slug) {
        (Some(id), slug) => Ok(Some(ClerkLink { id, slug })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Failure::CorruptRow("clerk_organization_slug")),
    }
}

fn suspension(columns: &mut Columns<'_>) -> Result<Option<Suspension>, Failure> {
    let at = columns.optional_time("suspended_at")?;
    let reason =
        columns.optional_text("suspended_reason", |text| SuspensionReason::from_stored(text).ok())?;
    match (at, reason) {
        (Some(at), reason) => Ok(Some(Suspension { at, reason })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Failure::CorruptRow("suspended_reason")),
    }
}
