//! Who am I?

use alloc::string::String;

use crate::model::{
    Caller, ExternalOrganizationId, KeyCaller, Organization, OrganizationId, Role, ScopeSet, SessionCaller,
    UserId,
};

/// How a caller signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthSource {
    /// With an API key.
    ApiKey,
    /// With a session at Clerk.
    ClerkSession,
    /// With a token of another OpenID provider.
    OidcSession,
}

impl AuthSource {
    /// Every way there is.
    pub const ALL: [Self; 3] = [Self::ApiKey, Self::ClerkSession, Self::OidcSession];

    /// How this user has signed in, who has a session.
    #[must_use]
    pub fn of_session(user_id: &UserId) -> Self {
        if user_id.is_of_clerk() { Self::ClerkSession } else { Self::OidcSession }
    }

    /// As it is written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::ClerkSession => "clerk_session",
            Self::OidcSession => "oidc_session",
        }
    }
}

/// A caller as it is told about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// How it signed in.
    pub auth_source: AuthSource,
    /// What it may be used for.
    pub scopes: ScopeSet,
    /// Our id of its organization.
    pub organization_id: Option<OrganizationId>,
    /// The user, or the user behind the key.
    pub user_id: Option<UserId>,
    /// Its organization's id at Clerk.
    pub clerk_organization_id: Option<ExternalOrganizationId>,
    /// The user's role there; of several, the first.
    pub clerk_organization_role: Option<Role>,
    /// Its organization's slug at Clerk.
    pub clerk_organization_slug: Option<String>,
}

/// A caller and its organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The organization, where there is one.
    pub organization: Option<Organization>,
    /// The caller.
    pub principal: Principal,
}

impl From<Caller> for Viewer {
    fn from(caller: Caller) -> Self {
        match caller {
            Caller::Key(KeyCaller { key, organization, .. }) => {
                let at_clerk = organization.at_clerk();
                let principal = Principal {
                    auth_source: AuthSource::ApiKey,
                    scopes: key.scopes,
                    organization_id: Some(organization.id),
                    user_id: key.created_by_user_id,
                    clerk_organization_id: at_clerk.map(|clerk| clerk.id.clone()),
                    clerk_organization_role: None,
                    clerk_organization_slug: at_clerk.and_then(|clerk| clerk.slug.clone()),
                };
                Self { organization: Some(organization), principal }
            }
            Caller::Session(SessionCaller { session, organization, scopes }) => {
                let at_clerk = session.organization.filter(|one| one.id.is_of_clerk());
                let principal = Principal {
                    auth_source: AuthSource::of_session(&session.user_id),
                    scopes,
                    organization_id: organization.as_ref().map(|organization| organization.id),
                    user_id: Some(session.user_id),
                    clerk_organization_id: at_clerk.as_ref().map(|one| one.id.clone()),
                    clerk_organization_slug: at_clerk.as_ref().and_then(|one| one.slug.clone()),
                    clerk_organization_role: at_clerk.and_then(|one| one.roles.into_iter().next()),
                };
                Self { organization, principal }
            }
        }
    }
}
