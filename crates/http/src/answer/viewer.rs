//! The caller as it is told about itself.

use capykeys_domain::{
    model::{ExternalOrganizationId, OrganizationId, Role, UserId},
    usecases::{Principal, Viewer},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    organization::OrganizationView,
    shown::{Scopes, Shown},
};

/// The caller and its organization.
#[derive(Serialize, ToSchema)]
#[schema(as = Viewer)]
pub(crate) struct ViewerResponse<'a> {
    /// The organization; null for a session without one that is known here.
    #[schema(required = true)]
    organization: Option<OrganizationView<'a>>,
    /// The caller.
    principal: PrincipalView<'a>,
}

impl<'a> From<&'a Viewer> for ViewerResponse<'a> {
    fn from(viewer: &'a Viewer) -> Self {
        Self {
            organization: viewer.organization.as_ref().map(OrganizationView::from),
            principal: PrincipalView::from(&viewer.principal),
        }
    }
}

/// Who calls.
#[derive(Serialize, ToSchema)]
#[schema(as = Principal, example = json!({
    "auth_source": "api_key",
    "is_admin": false,
    "scopes": ["projects:read", "jobs:read"],
    "organization_id": "org_01h455vb4pex5vsknk084sn02q",
    "user_id": "user_2abcDEF"
}))]
pub(crate) struct PrincipalView<'a> {
    /// How it signed in.
    auth_source: &'static str,
    /// Whether it operates the platform; false for both kinds of caller.
    is_admin: bool,
    /// What it may be used for.
    #[schema(value_type = Vec<String>)]
    scopes: Scopes<'a>,
    /// The id of its organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    organization_id: Option<Shown<OrganizationId>>,
    /// The user, or the user behind the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    user_id: Option<&'a str>,
    /// Its organization's id at Clerk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    clerk_organization_id: Option<&'a str>,
    /// The user's role in the organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    clerk_organization_role: Option<&'a str>,
    /// Its organization's slug at Clerk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    clerk_organization_slug: Option<&'a str>,
}

impl<'a> From<&'a Principal> for PrincipalView<'a> {
    fn from(principal: &'a Principal) -> Self {
        Self {
            auth_source: principal.auth_source.as_str(),
            is_admin: false,
            scopes: Scopes(&principal.scopes),
            organization_id: principal.organization_id.map(Shown),
            user_id: principal.user_id.as_ref().map(UserId::as_str),
            clerk_organization_id: principal
                .clerk_organization_id
                .as_ref()
                .map(ExternalOrganizationId::as_str),
            clerk_organization_role: principal.clerk_organization_role.as_ref().map(Role::as_str),
            clerk_organization_slug: principal.clerk_organization_slug.as_deref(),
        }
    }
}
