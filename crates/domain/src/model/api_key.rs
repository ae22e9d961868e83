//! API keys as they are stored and shown: everything but the secret.

use alloc::{borrow::ToOwned, boxed::Box, string::String};

use smol_str::SmolStr;

use super::{
    DeviceName, DisablingReason, KeyId, KeyName, KeySpec, OrganizationId, ProjectId, Rotation,
    ScopeCatalogue, ScopeSet, Timestamp, UserId, text::shows_text,
};

/// The start of a key's plaintext, by which a person recognises it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPrefix(SmolStr);

impl KeyPrefix {
    /// From what was stored.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }
}

shows_text!(KeyPrefix);

/// That a key's secret was made elsewhere, and brought here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brought;

/// How a key came to be. The server alone sets it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeySource {
    /// By a person with a session.
    Dashboard,
    /// With another API key.
    Api,
    /// By device login from the command-line client.
    Cli,
    /// By device login from an agent.
    Agent,
    /// By an operator, directly on the store.
    Operator,
    /// Taken over from another system.
    Import,
    /// In a way that only a newer server knows, by its name.
    Other(String),
}

impl KeySource {
    /// Every source that is known.
    pub const ALL: &'static [Self] =
        &[Self::Dashboard, Self::Api, Self::Cli, Self::Agent, Self::Operator, Self::Import];

    /// As it is written in the API.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        match self {
            Self::Dashboard => "dashboard",
            Self::Api => "api",
            Self::Cli => "cli",
            Self::Agent => "agent",
            Self::Operator => "operator",
            Self::Import => "import",
            Self::Other(name) => name.as_str(),
        }
    }

    /// The source with exactly this name.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let known = Self::ALL.iter().find(|source| source.as_str() == name);
        known.cloned().unwrap_or_else(|| Self::Other(name.to_owned()))
    }
}

/// That a key is not to be used for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disabling {
    /// Since when.
    pub at: Timestamp,
    /// Why, where that was said.
    pub reason: Option<DisablingReason>,
}

/// Whether a key can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It can.
    Active,
    /// It cannot until it is enabled again.
    Disabled,
    /// Its time has passed.
    Expired,
    /// It was revoked, whatever its time.
    Revoked,
}

impl KeyState {
    /// Every one there is.
    pub const ALL: [Self; 4] = [Self::Active, Self::Disabled, Self::Expired, Self::Revoked];

    /// As it is written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, by which keys sort in the order of their creation.
    pub id: KeyId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// What a person calls it.
    pub name: KeyName,
    /// The start of the secret, by which a person recognises it.
    pub key_prefix: KeyPrefix,
    /// What it may be used for.
    pub scopes: ScopeSet,
    /// How it came to be.
    pub source: KeySource,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who created it, where a person did.
    pub created_by_user_id: Option<UserId>,
    /// The key that it was created with, where that is known.
    pub created_by_key_id: Option<KeyId>,
    /// The device that it was made on.
    pub device_name: Option<DeviceName>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, give or take the interval in which uses are written.
    pub last_used_at: Option<Timestamp>,
    /// The one project that it is for; without it, it is for the whole organization.
    pub project_id: Option<ProjectId>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// That its secret was made elsewhere.
    pub brought: Option<Brought>,
    /// That it is not to be used for now.
    pub disabled: Option<Disabling>,
    /// That it was given another secret, the last time.
    pub rotation: Option<Box<Rotation>>,
}

impl ApiKey {
    /// A new key that is as it was asked for.
    #[must_use]
    pub fn new(
        id: KeyId,
        organization_id: OrganizationId,
        key_prefix: KeyPrefix,
        spec: &KeySpec,
        source: KeySource,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            organization_id,
            name: spec.name().clone(),
            key_prefix,
            scopes: spec.scopes().clone(),
            source,
            created_at,
            created_by_user_id: None,
            created_by_key_id: None,
            device_name: spec.device_name().cloned(),
            expires_at: spec.expires_at(),
            last_used_at: None,
            project_id: spec.project_id().cloned(),
            revoked_at: None,
            brought: None,
            disabled: None,
            rotation: None,
        }
    }

    /// Whether it can be used at `now`: a key expires the moment that `expires_at` names.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> KeyState {
        if self.revoked_at.is_some() {
            KeyState::Revoked
        } else if self.expires_at.is_some_and(|expiry| expiry <= now) {
            KeyState::Expired
        } else if self.disabled.is_some() {
            KeyState::Disabled
        } else {
            KeyState::Active
        }
    }

    /// Whether it is good no more at `now`, for ever: a key that is disabled may be good again.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        matches!(self.state(now), KeyState::Revoked | KeyState::Expired)
    }

    /// Whether `other` is the same in everything that somebody decided: when it was last used may differ.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        let mut other = Self { last_used_at: self.last_used_at, ..other.clone() };
        if let (Some(own), Some(other)) = (&self.rotation, &mut other.rotation) {
            other.previous_last_used_at = own.previous_last_used_at;
        }
        *self == other
    }

    /// Whether it can do something, or lasts for longer, than it did `before` it was changed.
    #[must_use]
    pub fn reaches_further_than(&self, before: &Self) -> bool {
        let ends_earlier = |end| before.expires_at.is_none_or(|before| end <= before);
        before.scopes.first_not_granted(&self.scopes).is_some()
            || !self.expires_at.map_or(before.expires_at.is_none(), ends_earlier)
            || self.disabled.is_none() && before.disabled.is_some()
            || self.grace_ends_at() > before.grace_ends_at()
    }

    /// Whether a person would call it something else.
    #[must_use]
    pub fn is_called_otherwise_than(&self, other: &Self) -> bool {
        (&self.name, &self.device_name) != (&other.name, &other.device_name)
    }

    /// Whether it is for one project and has a scope that is not. No such key can be created, but a
    /// row may come from elsewhere; there is nothing that it is good for.
    #[must_use]
    pub fn reaches_beyond_its_project(&self, catalogue: &ScopeCatalogue) -> bool {
        self.project_id.is_some() && !catalogue.fits_a_project(&self.scopes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_of_any_name_is_written_as_it_was_read() {
        for name in ["dashboard", "api", "cli", "agent", "operator", "import", "robot", "API", ""] {
            assert_eq!(KeySource::from_name(name).as_str(), name);
        }
        for source in KeySource::ALL {
            assert_eq!(&KeySource::from_name(source.as_str()), source);
        }
    }
}
