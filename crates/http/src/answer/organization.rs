//! Organizations.

use capykeys_domain::model::{ExternalOrganizationId, Organization, OrganizationId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::shown::Shown;

/// An organization, which owns API keys.
#[derive(Serialize, ToSchema)]
#[schema(as = Organization, example = json!({
    "id": "org_01h455vb4pex5vsknk084sn02q",
    "name": "Acme",
    "slug": "acme",
    "created_at": "2026-01-31T12:00:00Z",
    "updated_at": "2026-01-31T12:00:00Z",
    "clerk_organization_id": "org_2abcDEF"
}))]
pub struct OrganizationView<'a> {
    /// Its id.
    #[schema(value_type = String)]
    id: Shown<OrganizationId>,
    /// What it is called.
    name: &'a str,
    /// Its name in addresses.
    slug: &'a str,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    created_at: Shown<Timestamp>,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Shown<Timestamp>,
    /// Its id at Clerk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    clerk_organization_id: Option<&'a str>,
    /// Its slug at Clerk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    clerk_organization_slug: Option<&'a str>,
    /// Its id at the OpenID provider that signs its people in, where that is not Clerk: `org_oidc_`, the
    /// provider's mark, `_` and what it is called there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    external_organization_id: Option<&'a str>,
    /// Since when it is suspended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, format = DateTime)]
    suspended_at: Option<Shown<Timestamp>>,
    /// Why it is suspended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    suspended_reason: Option<&'a str>,
}

/// An organization, for a caller who asked for it.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrganizationEnvelope<'a> {
    /// The organization.
    organization: OrganizationView<'a>,
}

impl<'a> From<&'a Organization> for OrganizationEnvelope<'a> {
    fn from(organization: &'a Organization) -> Self {
        Self { organization: OrganizationView::from(organization) }
    }
}

impl<'a> From<&'a Organization> for OrganizationView<'a> {
    fn from(organization: &'a Organization) -> Self {
        let clerk = organization.at_clerk();
        let suspension = organization.suspension.as_ref();
        Self {
            id: Shown(organization.id),
            name: organization.name.as_str(),
            slug: organization.slug.as_str(),
            created_at: Shown(organization.created_at),
            updated_at: Shown(organization.updated_at),
            clerk_organization_id: clerk.map(|clerk| clerk.id.as_str()),
            clerk_organization_slug: clerk.and_then(|clerk| clerk.slug.as_deref()),
            external_organization_id: organization.external_id().map(ExternalOrganizationId::as_str),
            suspended_at: suspension.map(|suspension| Shown(suspension.at)),
            suspended_reason: suspension.and_then(|suspension| Some(suspension.reason.as_ref()?.as_str())),
        }
    }
}
