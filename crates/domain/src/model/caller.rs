//! Who asks: the result of authentication.

use super::{
    Actor, ApiKey, ExternalOrganizationId, KeyId, KeyPrefix, Organization, OrganizationId, ScopeSet, Session,
};

/// A caller with an API key that was good when it was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCaller {
    /// The key.
    pub key: ApiKey,
    /// Its organization.
    pub organization: Organization,
    /// Whether it came with the secret before its present one.
    pub with_previous: bool,
}

impl KeyCaller {
    /// The start of the secret that it has come with.
    #[must_use]
    pub fn held(&self) -> &KeyPrefix {
        let previous = self.key.rotation.as_ref().filter(|_| self.with_previous);
        previous.map_or(&self.key.key_prefix, |rotation| &rotation.previous_key_prefix)
    }
}

/// A caller signed in with Clerk or another OpenID provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCaller {
    /// What the token says.
    pub session: Session,
    /// Our organization for the session's active one, where there is one.
    pub organization: Option<Organization>,
    /// What the session is granted behind gateways, by its role there.
    pub scopes: ScopeSet,
}

/// By whose right a key is created, as far as the store can judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creator {
    /// By that of a key of the same organization, whose caller has come with its secret that begins so.
    Key(KeyId, KeyPrefix),
    /// By that of an administrator, signed in to this organization at Clerk or another issuer.
    Session(ExternalOrganizationId),
    /// By that of somebody with access to the store itself, who may do everything.
    Operator,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A program with an API key.
    Key(KeyCaller),
    /// A person with a session.
    Session(SessionCaller),
}

impl Caller {
    /// The caller's own organization.
    #[must_use]
    pub const fn organization(&self) -> Option<&Organization> {
        match self {
            Self::Key(caller) => Some(&caller.organization),
            Self::Session(caller) => caller.organization.as_ref(),
        }
    }

    /// The id of the caller's own organization.
    #[must_use]
    pub fn organization_id(&self) -> Option<OrganizationId> {
        self.organization().map(|organization| organization.id)
    }

    /// The caller as the audit log names it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::Key(caller) => Actor::Key(caller.key.id),
            Self::Session(caller) => Actor::User(caller.session.user_id.clone()),
        }
    }
}
