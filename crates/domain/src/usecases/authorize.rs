//! Letting requests through a gateway.

use alloc::{borrow::Cow, string::ToString, sync::Arc};
use core::time::Duration;

use super::{
    AuthenticateError, Capykeys,
    sentences::{UNAUTHENTICATED, UNAVAILABLE},
};
use crate::{
    model::{Actor, OrganizationId, RequestContext, ScopeSet, SessionCaller, UserId},
    policy::{Rejection, RouteError, RouteNeeds},
    ports::{FoundKey, Unavailable},
    secret::{BearerToken, Credential, CredentialError, PlaintextKey},
};

/// Who was let through.
#[derive(Clone, Debug)]
pub enum Authorized {
    /// Nobody in particular, where that is allowed.
    Anonymous,
    /// A program with a key.
    Key(Arc<FoundKey>),
    /// A person with a session.
    Session {
        /// Who it is.
        user_id: UserId,
        /// Our id of the session's organization.
        organization_id: OrganizationId,
        /// What the session is granted.
        scopes: ScopeSet,
    },
}

impl Authorized {
    /// Who it is, for the log; `None` for nobody in particular.
    #[must_use]
    pub fn actor(&self) -> Option<(Actor, OrganizationId)> {
        match self {
            Self::Anonymous => None,
            Self::Key(found) => Some((Actor::Key(found.key.id), found.key.organization_id)),
            Self::Session { user_id, organization_id, .. } => {
                Some((Actor::User(user_id.clone()), *organization_id))
            }
        }
    }
}

/// Why somebody was not let through, with the sentence that the caller is told.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// There is no credential, and one is needed.
    #[error("{UNAUTHENTICATED}")]
    NoCredential,
    /// The credential is not good. The reason is for the log alone: callers are told the same for
    /// every one.
    #[error("{UNAUTHENTICATED}")]
    Unauthenticated(&'static str),
    /// The credential is good, but not for this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// It cannot be known right now.
    #[error("{UNAVAILABLE}")]
    Unavailable(#[from] Unavailable),
}

impl AuthorizeError {
    /// Why, for the log.
    #[must_use]
    pub fn reason(&self) -> Cow<'static, str> {
        match self {
            Self::NoCredential => Cow::Borrowed("no credential"),
            Self::Unauthenticated(reason) | Self::Forbidden(reason) => Cow::Borrowed(reason),
            Self::Unavailable(unavailable) => Cow::Owned(unavailable.to_string()),
        }
    }
}

impl From<CredentialError> for AuthorizeError {
    fn from(error: CredentialError) -> Self {
        match error {
            // Never 400: nginx makes a 500 of every status that it does not know.
            CredentialError::Unclear(_) => Self::Unauthenticated("more than one credential"),
            CredentialError::Refused(reason) => Self::Unauthenticated(reason),
        }
    }
}

impl From<RouteError> for AuthorizeError {
    fn from(error: RouteError) -> Self {
        Self::Forbidden(error.sentence())
    }
}

impl From<AuthenticateError> for AuthorizeError {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Refused(reason) => Self::Unauthenticated(reason),
            AuthenticateError::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }
}

impl From<Rejection> for AuthorizeError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::NotFound => Self::Unauthenticated("unknown key"),
            Rejection::Revoked => Self::Unauthenticated("revoked key"),
            Rejection::Expired => Self::Unauthenticated("expired key"),
            Rejection::OrganizationSuspended => Self::Forbidden("The organization is suspended."),
            Rejection::WrongProject => Self::Forbidden("The API key is for another project."),
            Rejection::InsufficientScope => Self::Forbidden("The credential lacks a scope that this needs."),
        }
    }
}

impl Capykeys {
    /// May a request with this credential pass, where that needs what `needs` says?
    ///
    /// A credential that is not good is refused also where none would have been needed. Refusals are
    /// not recorded in the audit log: they are another service's, and anybody can cause them.
    ///
    /// # Errors
    /// [`AuthorizeError`].
    pub async fn authorize(
        &self,
        credential: Option<&Credential>,
        needs: &RouteNeeds,
        context: &RequestContext,
    ) -> Result<Authorized, AuthorizeError> {
        match credential {
            None if needs.anonymous => Ok(Authorized::Anonymous),
            None => Err(AuthorizeError::NoCredential),
            Some(Credential::ApiKey(key)) => self.authorize_key(key, needs).await,
            Some(Credential::Session(token)) => self.authorize_session(token, needs, context).await,
        }
    }

    async fn authorize_key(
        &self,
        key: &PlaintextKey,
        needs: &RouteNeeds,
    ) -> Result<Authorized, AuthorizeError> {
        let verification = self.verify_key(Some(key), &needs.requirement, Duration::ZERO).await?;
        Ok(Authorized::Key(verification.verdict?))
    }

    async fn authorize_session(
        &self,
        token: &BearerToken,
        needs: &RouteNeeds,
        context: &RequestContext,
    ) -> Result<Authorized, AuthorizeError> {
        let SessionCaller { session, organization } = self.authenticate_session(token, context).await?;
        let organization =
            organization.ok_or(AuthorizeError::Forbidden("The session has no organization here."))?;
        let scopes = self.roles.scopes_of(&session);
        needs.requirement.check_session(&scopes, &organization)?;
        Ok(Authorized::Session { user_id: session.user_id, organization_id: organization.id, scopes })
    }
}
