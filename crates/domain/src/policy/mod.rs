//! Who may do what, as pure functions.
//!
//! Each function answers for one operation and gives a [`Permit`], without which the use case of
//! that operation cannot be called. The order of the refusals is the contract's: first that the
//! organization is not the caller's, in the same words whether it exists or not.

mod denial;
mod operator;
mod permit;
mod requirement;
mod roles;
mod route;

pub use denial::{Denial, Forbidden};
pub use permit::{Ceiling, CreateKey, GetOrganization, ListKeys, ManageOrganizations, Permit, RevokeKey};
pub use requirement::{Rejection, Requirement};
pub use roles::RoleTable;
pub use route::{
    Fit, HostPattern, OriginalRequest, PathPattern, RequestHost, RequestMethod, RequestPath, RouteError,
    RouteNeeds, RouteRule, RouteRules,
};

use crate::model::{
    ApiKey, Caller, Creator, KeyCaller, KeyId, KeySource, Organization, OrganizationId, Scope, SessionCaller,
    SessionOrganization,
};

/// What is asked for, by the ids of the request's path: `None` is an id that no organization can
/// have.
pub type Target = Option<OrganizationId>;

/// May the caller see the organization? With any good credential of it.
///
/// # Errors
/// [`Denial`] where it may not.
pub fn get_organization(caller: &Caller, target: Target) -> Result<Permit<GetOrganization>, Denial> {
    let organization = own(caller, target)?;
    Ok(Permit::new(organization.id, caller.actor(), GetOrganization(())))
}

/// May the caller list the organization's keys?
///
/// # Errors
/// [`Denial`] where it may not.
pub fn list_keys(caller: &Caller, target: Target) -> Result<Permit<ListKeys>, Denial> {
    let organization = own(caller, target)?;
    if let Caller::Key(caller) = caller {
        whole_organization(&caller.key)?;
        holds(&caller.key, Scope::API_KEYS_READ)?;
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
        Caller::Key(KeyCaller { key, .. }) => CreateKey {
            ceiling: key_ceiling(key)?,
            source: KeySource::Api,
            creator: Creator::Key(key.id),
            created_by: key.created_by_user_id.clone(),
        },
        Caller::Session(caller) => CreateKey {
            ceiling: Ceiling::Unlimited,
            source: KeySource::Dashboard,
            creator: Creator::Session(administers(caller)?.id.clone()),
            created_by: Some(caller.session.user_id.clone()),
        },
    };
    Ok(Permit::new(organization.id, caller.actor(), action))
}

/// How far may a key reach that is created with this one?
///
/// # Errors
/// [`Denial`] where it may create none.
pub fn key_ceiling(creator: &ApiKey) -> Result<Ceiling, Denial> {
    whole_organization(creator)?;
    holds(creator, Scope::API_KEYS_WRITE)?;
    Ok(Ceiling::Key { scopes: creator.scopes.clone(), expires_at: creator.expires_at })
}

/// May the caller revoke the organization's key with this id? `None` is an id that no key can have.
/// Whoever holds a key may end it, whatever it is good for.
///
/// # Errors
/// [`Denial`] where it may not.
pub fn revoke_key(caller: &Caller, target: Target, key: Option<KeyId>) -> Result<Permit<RevokeKey>, Denial> {
    let organization = own(caller, target)?;
    match caller {
        Caller::Key(caller) if key == Some(caller.key.id) => {}
        Caller::Key(caller) => {
            whole_organization(&caller.key)?;
            holds(&caller.key, Scope::API_KEYS_WRITE)?;
        }
        Caller::Session(caller) => {
            administers(caller)?;
        }
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
        return Err(Denial::AnotherOrganization);
    }
    if own.is_suspended() {
        return Err(Denial::Forbidden(Forbidden::OrganizationSuspended));
    }
    Ok(own)
}

fn whole_organization(key: &ApiKey) -> Result<(), Denial> {
    match key.project_id {
        None => Ok(()),
        Some(_) => Err(Denial::Forbidden(Forbidden::ProjectKey)),
    }
}

fn holds(key: &ApiKey, scope: Scope) -> Result<(), Denial> {
    if key.scopes.grants(&scope) { Ok(()) } else { Err(Denial::Forbidden(Forbidden::MissingScope(scope))) }
}

/// The organization at Clerk that the caller administers.
fn administers(caller: &SessionCaller) -> Result<&SessionOrganization, Denial> {
    match &caller.session.organization {
        _ if caller.session.impersonated => Err(Denial::Forbidden(Forbidden::Impersonated)),
        Some(at_clerk) if at_clerk.role.is_admin() => Ok(at_clerk),
        _ => Err(Denial::Forbidden(Forbidden::NotAnAdmin)),
    }
}
