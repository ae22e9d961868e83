//! Proof that the policy said yes.

use super::{Denial, Forbidden};
use crate::model::{
    Actor, AuditAction, Caller, Creator, KeyId, KeySource, KeySpec, OrganizationId, ScopeSet, Timestamp,
    UserId,
};

/// Proof that the policy allowed `A` in an organization. Only this module's policy makes one, whoever
/// may make an `A`, and each use case asks for its own.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit<A> {
    organization_id: OrganizationId,
    actor: Actor,
    action: A,
}

impl<A> Permit<A> {
    pub(super) const fn new(organization_id: OrganizationId, actor: Actor, action: A) -> Self {
        Self { organization_id, actor, action }
    }

    /// The organization that it holds for.
    #[must_use]
    pub const fn organization_id(&self) -> OrganizationId {
        self.organization_id
    }

    /// Whom it was given to.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What it allows.
    #[must_use]
    pub const fn action(&self) -> &A {
        &self.action
    }
}

/// An operation on an organization, with the rule that says who may do it.
pub trait Action: Sized {
    /// What a refusal is called in the audit log.
    const AUDITED_AS: AuditAction;

    /// May the caller do it in its own organization, to this key where it is done to one?
    ///
    /// # Errors
    /// [`Denial`] where it may not.
    fn judge(caller: &Caller, key: Option<KeyId>) -> Result<Self, Denial>;
}

/// Listing the organization's keys.
#[derive(Debug, PartialEq, Eq)]
pub struct ListKeys;

/// Seeing this key; `None` stands for an id that no key can have.
#[derive(Debug, PartialEq, Eq)]
pub struct GetKey(pub Option<KeyId>);

/// Seeing the organization.
#[derive(Debug, PartialEq, Eq)]
pub struct GetOrganization;

/// Changing an organization itself: for operators.
#[derive(Debug, PartialEq, Eq)]
pub struct ManageOrganizations;

/// Revoking this key; `None` stands for an id that no key can have.
#[derive(Debug, PartialEq, Eq)]
pub struct RevokeKey(pub Option<KeyId>);

/// Revoking any of the organization's keys.
#[derive(Debug, PartialEq, Eq)]
pub struct RevokeKeys;

/// Revoking this key and all that were made with it; `None` stands for an id that no key can have.
#[derive(Debug, PartialEq, Eq)]
pub struct RevokeLineage(pub Option<KeyId>);

/// Changing this key.
#[derive(Debug, PartialEq, Eq)]
pub struct ChangeKey {
    /// The key; `None` stands for an id that no key can have.
    pub key: Option<KeyId>,
    /// By whose right more may be done than to make it stricter, up to where the caller could create one.
    pub creating: Result<CreateKey, Denial>,
}

/// The ways to change a key, which are refused under names of their own.
macro_rules! changes {
    ($($(#[$doc:meta])* $name:ident: $refused_as:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, PartialEq, Eq)]
        pub struct $name(pub ChangeKey);

        impl From<ChangeKey> for $name {
            fn from(change: ChangeKey) -> Self {
                Self(change)
            }
        }

        impl Action for $name {
            const AUDITED_AS: AuditAction = AuditAction::$refused_as;

            fn judge(caller: &Caller, key: Option<KeyId>) -> Result<Self, Denial> {
                ChangeKey::judge(caller, key).map(Self)
            }
        }
    )*};
}

changes! {
    /// Changing what a key is called, what it may be used for and for how long.
    UpdateKey: UpdateKey;
    /// Having a key refused until it is enabled.
    DisableKey: DisableKey;
    /// Ending that.
    EnableKey: EnableKey;
    /// Ending the secret before a key's present one.
    FinishRotation: FinishRotation;
}

/// Giving this key another secret, which the caller is told.
#[derive(Debug, PartialEq, Eq)]
pub struct RotateKey {
    /// The key; `None` stands for an id that no key can have.
    pub key: Option<KeyId>,
    /// By whose right: it is told to whoever could create the key as it is.
    pub creating: Result<CreateKey, Denial>,
    /// Where the caller is the key itself, with its present secret: since when it has that, where it has had another.
    pub itself: Option<Option<Timestamp>>,
}

/// Creating keys up to a ceiling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateKey {
    /// How far the new key may reach.
    pub ceiling: Ceiling,
    /// How the new key came to be.
    pub source: KeySource,
    /// By whose right.
    pub creator: Creator,
    /// The person behind it.
    pub created_by: Option<UserId>,
}

/// How far a new key may reach: a key never hands on more than it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ceiling {
    /// As far as it asks.
    Unlimited,
    /// As far as the key that creates it.
    Key {
        /// The creator's scopes.
        scopes: ScopeSet,
        /// The creator's end.
        expires_at: Option<Timestamp>,
    },
}

impl Ceiling {
    /// When a key of this spec ends: where the spec does not say, when its creator does.
    ///
    /// # Errors
    /// [`Denial`] where the spec reaches further than the ceiling.
    pub fn check(&self, spec: &KeySpec) -> Result<Option<Timestamp>, Denial> {
        let own = match self {
            Self::Unlimited => None,
            Self::Key { expires_at, .. } => *expires_at,
        };
        let expires_at = spec.expires_at().or(own);
        self.admit(spec.scopes(), expires_at).map(|()| expires_at)
    }

    /// Whether a key with these scopes and this end stays below it.
    ///
    /// # Errors
    /// [`Denial`] where it reaches further.
    pub fn admit(&self, scopes: &ScopeSet, expires_at: Option<Timestamp>) -> Result<(), Denial> {
        let Self::Key { scopes: held, expires_at: ceiling } = self else {
            return Ok(());
        };
        if let Some(scope) = held.first_not_granted(scopes) {
            return Err(Forbidden::ScopeNotHeld(scope.clone()).into());
        }
        match *ceiling {
            Some(ceiling) if expires_at.is_none_or(|end| end > ceiling) => {
                Err(Forbidden::OutlivesCreator.into())
            }
            _ => Ok(()),
        }
    }
}
