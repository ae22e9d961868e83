//! What a key has to be good for.

use crate::model::{ApiKey, KeyState, Organization, ProjectId, ScopeCatalogue, ScopeSet, Timestamp};

/// What somebody wants to let a key or a session do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirement {
    /// The scopes that it must grant, all of them.
    pub scopes: Option<ScopeSet>,
    /// The project that it is to be used in. A key of the whole organization is good in each, and so is a
    /// session; where no project is named, none is looked at.
    pub project_id: Option<ProjectId>,
}

/// Why a key, or a session, is not good for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// There is no such key.
    NotFound,
    /// It was revoked.
    Revoked,
    /// Its time has passed.
    Expired,
    /// It was disabled, and may be enabled again.
    Disabled,
    /// Its organization is suspended.
    OrganizationSuspended,
    /// It is a key of another project.
    WrongProject,
    /// It lacks one of the scopes.
    InsufficientScope,
}

impl Rejection {
    /// Every reason there is, in the order in which they are looked at.
    pub const ALL: [Self; 7] = [
        Self::NotFound,
        Self::Revoked,
        Self::Expired,
        Self::Disabled,
        Self::OrganizationSuspended,
        Self::WrongProject,
        Self::InsufficientScope,
    ];

    /// As it is written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Disabled => "disabled",
            Self::OrganizationSuspended => "organization_suspended",
            Self::WrongProject => "wrong_project",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

impl Requirement {
    /// Is the organization's key good for it at `now`?
    ///
    /// # Errors
    /// The first [`Rejection`] that applies.
    pub fn check(
        &self,
        key: &ApiKey,
        organization: &Organization,
        catalogue: &ScopeCatalogue,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        match key.state(now) {
            KeyState::Revoked => return Err(Rejection::Revoked),
            KeyState::Expired => return Err(Rejection::Expired),
            KeyState::Disabled => return Err(Rejection::Disabled),
            // There is nothing that it is good for, as if it were not there.
            KeyState::Active if key.reaches_beyond_its_project(catalogue) => return Err(Rejection::NotFound),
            KeyState::Active => {}
        }
        if organization.is_suspended() {
            return Err(Rejection::OrganizationSuspended);
        }
        let elsewhere = |project: &ProjectId| key.project_id.as_ref().is_some_and(|own| own != project);
        if self.project_id.as_ref().is_some_and(elsewhere) {
            return Err(Rejection::WrongProject);
        }
        self.check_scopes(&key.scopes)
    }

    /// Is a session of the organization good for it that is granted `held`?
    ///
    /// In every project, as is a key of the whole organization: a session is of no project, and whose
    /// projects they are is not known here. Whoever is told of the session compares its organization
    /// with the owner of what it serves, as with every key.
    ///
    /// # Errors
    /// The first [`Rejection`] that applies.
    pub fn check_session(&self, held: &ScopeSet, organization: &Organization) -> Result<(), Rejection> {
        if organization.is_suspended() {
            return Err(Rejection::OrganizationSuspended);
        }
        self.check_scopes(held)
    }

    fn check_scopes(&self, held: &ScopeSet) -> Result<(), Rejection> {
        match self.scopes.as_ref().and_then(|scopes| held.first_not_granted(scopes)) {
            Some(_) => Err(Rejection::InsufficientScope),
            None => Ok(()),
        }
    }
}
