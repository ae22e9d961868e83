//! Organizations, which own keys.

use alloc::string::String;

use super::{ExternalOrganizationId, OrganizationId, OrganizationName, Slug, SuspensionReason, Timestamp};

/// The organization's counterpart at Clerk, or at the OpenID provider that signs its people in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClerkLink {
    /// Its id there; no two organizations share one.
    pub id: ExternalOrganizationId,
    /// Its slug or name there, where a session has told it.
    pub slug: Option<String>,
}

/// That nobody may use the organization's keys for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// Since when.
    pub at: Timestamp,
    /// Why, where it was said.
    pub reason: Option<SuspensionReason>,
}

/// An organization: the owner of API keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// What it is called.
    pub name: OrganizationName,
    /// Its name in addresses.
    pub slug: Slug,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Its counterpart at Clerk or another issuer, if it has one.
    pub clerk: Option<ClerkLink>,
    /// Set while it is suspended.
    pub suspension: Option<Suspension>,
}

/// What an organization is to be called; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renaming {
    /// What it is called.
    pub name: Option<OrganizationName>,
    /// Its name in addresses.
    pub slug: Option<Slug>,
    /// Its slug at Clerk, if it has a counterpart there.
    pub clerk_slug: Option<String>,
}

impl Organization {
    /// The organization as it is called from `at` on; `None` where that changes nothing.
    #[must_use]
    pub fn renamed(&self, renaming: &Renaming, at: Timestamp) -> Option<Self> {
        let Renaming { name, slug, clerk_slug } = renaming.clone();
        let mut renamed = self.clone();
        renamed.name = name.unwrap_or(renamed.name);
        renamed.slug = slug.unwrap_or(renamed.slug);
        renamed.clerk = renamed.clerk.map(|link| ClerkLink { slug: clerk_slug.or(link.slug), id: link.id });
        (renamed != *self).then_some(Self { updated_at: at, ..renamed })
    }

    /// Its counterpart where that is one at Clerk.
    #[must_use]
    pub fn at_clerk(&self) -> Option<&ClerkLink> {
        self.clerk.as_ref().filter(|link| link.id.is_of_clerk())
    }

    /// The id of its counterpart where that is one at another issuer.
    #[must_use]
    pub fn external_id(&self) -> Option<&ExternalOrganizationId> {
        self.clerk.as_ref().map(|link| &link.id).filter(|id| !id.is_of_clerk())
    }

    /// Whether it is suspended.
    #[must_use]
    pub const fn is_suspended(&self) -> bool {
        self.suspension.is_some()
    }
}
