//! Who may do what, as pure functions.
//!
//! Each function answers for one operation and gives a [`Permit`], without which the use case of
//! that operation cannot be called. The order of the refusals is the contract's: an organization
//! that is not the caller's does not exist (404), before anything else is said (403).

mod denial;
mod operator;
mod permit;
mod requirement;
mod route;

pub use denial::{Denial, Forbidden};
pub use permit::{Ceiling, CreateKey, ListKeys, ManageOrganizations, Permit, RevokeKey};
pub use requirement::{Rejection, Requirement};
pub use route::{
    Fit, HostPattern, OriginalRequest, PathPattern, RequestHost, RequestMethod, RequestPath, RouteError,
    RouteNeeds, RouteRule, RouteRules,
};

use crate::model::{Caller, KeyCaller, KeyId, KeySource, Organization, OrganizationId, Scope, SessionCaller};

/// What is asked for, by the ids of the request's path: `None` is an id that no organization can
/// have.
pub type Target = Option<OrganizationId>;

/// May the caller list the organization's keys?
///
/// # Errors
/// [`Denial`] where it may not.
pub fn list_keys(caller: &Caller, target: Target) -> Result<Permit<ListKeys>, Denial> {
    let organization = own(caller, target)?;
    if let Caller::Key(caller) = caller {
        whole_organization(caller)?;
        holds(caller, Scope::ApiKeysRead)?;
    }
    Ok(Permit::new(organization.id, caller.actor(), ListKeys(())))
}

/// May the caller create keys in the organization, and how far may they reach?
///
/// # Errors
/// [`Denial`] where it may not. What the new key itself asks for is checked against the permit's
/// [`Ceiling`], by [`Ceiling::check`].
pub fn create_key(caller: &Caller, target: Target) -> Result<Permit<CreateKey>, Denial> {
    let organization = own(caller, target)?;
    let action = match caller {
        Caller::Key(caller) => {
            whole_organization(caller)?;
            holds(caller, Scope::ApiKeysWrite)?;
            CreateKey {
                ceiling: Ceiling::Key {
                    scopes: caller.key.scopes.clone(),
                    expires_at: caller.key.expires_at,
                },
                source: KeySource::Api,
                created_by: caller.key.created_by_user_id.clone(),
            }
        }
        Caller::Session(caller) => {
            administers(caller)?;
            CreateKey {
                ceiling: Ceiling::Unlimited,
                source: KeySource::Dashboard,
                created_by: Some(caller.session.user_id.clone()),
            }
        }
    };
    Ok(Permit::new(organization.id, caller.actor(), action))
}

/// May the caller revoke the organization's key with this id? `None` is an id that no key can have.
///
/// # Errors
/// [`Denial`] where it may not.
pub fn revoke_key(caller: &Caller, target: Target, key: Option<KeyId>) -> Result<Permit<RevokeKey>, Denial> {
    let organization = own(caller, target)?;
    match caller {
        Caller::Key(caller) if caller.key.project_id.is_some() && key == Some(caller.key.id) => {}
        Caller::Key(caller) => {
            whole_organization(caller)?;
            holds(caller, Scope::ApiKeysWrite)?;
        }
        Caller::Session(caller) => administers(caller)?,
    }
    Ok(Permit::new(organization.id, caller.actor(), RevokeKey(key)))
}

/// The caller's own organization, where it is the one asked for and not suspended.
fn own(caller: &Caller, target: Target) -> Result<&Organization, Denial> {
    let own = match caller {
        Caller::Key(caller) => &caller.organization,
        Caller::Session(SessionCaller { organization: Some(organization), .. }) => organization,
        Caller::Session(SessionCaller { session, .. }) => {
            return Err(Denial::Forbidden(match session.organization {
                Some(_) => Forbidden::OrganizationNotRegistered,
                None => Forbidden::NoActiveOrganization,
            }));
        }
    };
    if target != Some(own.id) {
        return Err(Denial::NoSuchOrganization);
    }
    if own.is_suspended() {
        return Err(Denial::Forbidden(Forbidden::OrganizationSuspended));
    }
    Ok(own)
}

fn whole_organization(caller: &KeyCaller) -> Result<(), Denial> {
    match caller.key.project_id {
        None => Ok(()),
        Some(_) => Err(Denial::Forbidden(Forbidden::ProjectKey)),
    }
}

fn holds(caller: &KeyCaller, scope: Scope) -> Result<(), Denial> {
    if caller.key.scopes.grants(scope) {
        Ok(())
    } else {
        Err(Denial::Forbidden(Forbidden::MissingScope(scope)))
    }
}

fn administers(caller: &SessionCaller) -> Result<(), Denial> {
    if caller.session.impersonated {
        Err(Denial::Forbidden(Forbidden::Impersonated))
    } else if !caller.session.is_organization_admin() {
        Err(Denial::Forbidden(Forbidden::NotAnAdmin))
    } else {
        Ok(())
    }
}
