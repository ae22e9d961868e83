//! Organizations, which own keys.

use alloc::string::String;

use super::{ClerkOrganizationId, OrganizationId, OrganizationName, Slug, SuspensionReason, Timestamp};

/// The organization's counterpart at Clerk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClerkLink {
    /// Its id there; no two organizations share one.
    pub id: ClerkOrganizationId,
    /// Its slug there, where it was known when the organization was created.
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
    /// Its counterpart at Clerk, if it has one.
    pub clerk: Option<ClerkLink>,
    /// Set while it is suspended.
    pub suspension: Option<Suspension>,
}

impl Organization {
    /// Whether it is suspended.
    #[must_use]
    pub const fn is_suspended(&self) -> bool {
        self.suspension.is_some()
    }
}
