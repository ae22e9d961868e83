//! Who may do what, as pure functions.
//!
//! [`permit()`] answers for every operation ([`Action`]) and gives a [`Permit`], without which the use case
//! of that operation cannot be called. First of all an organization that is not the caller's is refused,
//! in the same words whether it exists or not.

mod denial;
mod operator;
mod permit;
mod requirement;
mod roles;

pub use denial::{Denial, Forbidden};
pub use permit::{
    Action, Ceiling, ChangeKey, CreateKey, DisableKey, EnableKey, FinishRotation, GetKey, GetOrganization,
    ListKeys, ManageOrganizations, Permit, RevokeKey, RevokeKeys, RevokeLineage, RotateKey, UpdateKey,
};
pub use requirement::{Rejection, Requirement};
pub use roles::RoleTable;

use crate::model::{
    ApiKey, AuditAction, Caller, Creator, KeyCaller, KeyId, KeySource, Organization, OrganizationId, Scope,
    SessionCaller, SessionOrganization,
};

/// What is asked for, by the ids of the request's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The organization; `None` is an id that no organization can have.
    pub organization: Option<OrganizationId>,
    /// The key; `None` where none is asked for, and for an id that no key can have.
    pub key: Option<KeyId>,
}

/// May the caller do this to the target?
///
/// # Errors
/// [`Denial`] where it may not.
pub fn permit<A: Action>(caller: &Caller, target: Target) -> Result<Permit<A>, Denial> {
    let organization = own(caller, target.organization)?;
    Ok(Permit::new(organization.id, caller.actor(), A::judge(caller, target.key)?))
}

/// With any good credential of the organization.
impl Action for GetOrganization {
    const AUDITED_AS: AuditAction = AuditAction::GetOrganization;

    fn judge(_: &Caller, _: Option<KeyId>) -> Result<Self, Denial> {
        Ok(Self)
    }
}

impl Action for ListKeys {
    const AUDITED_AS: AuditAction = AuditAction::ListKeys;

    fn judge(caller: &Caller, _: Option<KeyId>) -> Result<Self, Denial> {
        if let Caller::Key(caller) = caller {
            whole_organization(&caller.key)?;
            holds(&caller.key, Scope::API_KEYS_READ)?;
        }
        Ok(Self)
    }
}

/// Whoever may see all of them may see one.
impl Action for GetKey {
    const AUDITED_AS: AuditAction = AuditAction::GetKey;

    fn judge(caller: &Caller, key: Option<KeyId>) -> Result<Self, Denial> {
        ListKeys::judge(caller, None).map(|ListKeys| Self(key))
    }
}

/// What the new key itself asks for is checked against the permit's [`Ceiling`], by [`Ceiling::check`].
impl Action for CreateKey {
    const AUDITED_AS: AuditAction = AuditAction::CreateKey;

    fn judge(caller: &Caller, _: Option<KeyId>) -> Result<Self, Denial> {
        Ok(match caller {
            Caller::Key(caller @ KeyCaller { key, .. }) => Self {
                ceiling: key_ceiling(key)?,
                source: KeySource::Api,
                creator: Creator::Key(key.id, caller.held().clone()),
                created_by: key.created_by_user_id.clone(),
            },
            Caller::Session(caller) => Self {
                ceiling: Ceiling::Unlimited,
                source: KeySource::Dashboard,
                creator: Creator::Session(administers(caller)?.id.clone()),
                created_by: Some(caller.session.user_id.clone()),
            },
        })
    }
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

/// Whoever holds a key may end it, whatever it is good for.
impl Action for RevokeKey {
    const AUDITED_AS: AuditAction = AuditAction::RevokeKey;

    fn judge(caller: &Caller, key: Option<KeyId>) -> Result<Self, Denial> {
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
        Ok(Self(key))
    }
}

/// Whoever may revoke each of them: not who may revoke none but itself.
impl Action for RevokeKeys {
    const AUDITED_AS: AuditAction = AuditAction::RevokeKey;

    fn judge(caller: &Caller, _: Option<KeyId>) -> Result<Self, Denial> {
        RevokeKey::judge(caller, None).map(|RevokeKey(_)| Self)
    }
}

/// Whoever may revoke any of them: they are other keys than that of who may revoke itself.
impl Action for RevokeLineage {
    const AUDITED_AS: AuditAction = AuditAction::RevokeKey;

    fn judge(caller: &Caller, key: Option<KeyId>) -> Result<Self, Denial> {
        RevokeKeys::judge(caller, None).map(|RevokeKeys| Self(key))
    }
}

impl ChangeKey {
    /// Whoever may end a key may make it stricter; whoever could create it as it will be, anything else.
    fn judge(caller: &Caller, key: Option<KeyId>) -> Result<Self, Denial> {
        let RevokeKey(key) = RevokeKey::judge(caller, key)?;
        Ok(Self { key, creating: CreateKey::judge(caller, None) })
    }
}

/// Whoever could create a key as it is may be told another secret for it, and the key itself may. Not with the secret before
/// its present one: whoever has that is to be rid of it.
impl Action for RotateKey {
    const AUDITED_AS: AuditAction = AuditAction::RotateKey;

    fn judge(caller: &Caller, key: Option<KeyId>) -> Result<Self, Denial> {
        let creating = CreateKey::judge(caller, None);
        let itself = match caller {
            Caller::Key(caller) if key == Some(caller.key.id) && caller.with_previous => {
                return Err(Denial::Forbidden(Forbidden::PreviousSecret));
            }
            Caller::Key(caller) if key == Some(caller.key.id) => Some(caller.key.rotated_at()),
            _ => None,
        };
        if let (Err(denial), None) = (&creating, itself) {
            return Err(denial.clone());
        }
        Ok(Self { key, creating, itself })
    }
}

/// The caller's own organization, where it is the one asked for and not suspended.
fn own(caller: &Caller, target: Option<OrganizationId>) -> Result<&Organization, Denial> {
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
        Some(at_clerk) if at_clerk.is_administered() => Ok(at_clerk),
        _ => Err(Denial::Forbidden(Forbidden::NotAnAdmin)),
    }
}
