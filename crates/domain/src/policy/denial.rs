//! Why the policy says no.

use crate::model::Scope;

/// A refusal, with the sentence that the caller is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The organization is not the caller's. Whether it exists is not said; nor is it 404, which
    /// clients take for "gone", so that they forget what they hold.
    #[error("The credential is not for this organization.")]
    AnotherOrganization,
    /// The organization is the caller's, the operation is not.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

/// Why a caller may not do something in its own organization.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// A session in which no organization is chosen.
    #[error("The session has no active organization.")]
    NoActiveOrganization,
    /// A session for an organization that this service does not know.
    #[error("The session's organization is not registered with this service.")]
    OrganizationNotRegistered,
    /// The organization is suspended.
    #[error("The organization is suspended.")]
    OrganizationSuspended,
    /// A key of one project.
    #[error("A project-scoped API key cannot manage API keys.")]
    ProjectKey,
    /// A key without the scope.
    #[error("The API key lacks the scope {}.", .0.as_str())]
    MissingScope(Scope),
    /// A member who is no administrator.
    #[error("Only an administrator of the organization may do this.")]
    NotAnAdmin,
    /// A key that comes with the secret that another one has replaced.
    #[error("An API key cannot be rotated with its previous secret.")]
    PreviousSecret,
    /// Somebody who acts as another user.
    #[error("An impersonated session cannot change API keys.")]
    Impersonated,
    /// A new key with a scope that its creator lacks.
    #[error("The API key cannot grant the scope {}, which it does not hold itself.", .0.as_str())]
    ScopeNotHeld(Scope),
    /// A new key that would outlive its creator.
    #[error("The API key cannot create a key that expires later than itself.")]
    OutlivesCreator,
}
