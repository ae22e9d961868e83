//! What operators may do: whoever can reach the store itself may do everything on it.
//!
//! These permits are for the command line alone. No credential of the API leads to them.

use super::{
    Ceiling, ChangeKey, CreateKey, FinishRotation, GetKey, ListKeys, ManageOrganizations, Permit, RevokeKey,
    RevokeKeys, RevokeLineage, RotateKey,
};
use crate::model::{Actor, ApiKey, Creator, KeyId, KeySource, Organization, OrganizationId};

const CREATE: CreateKey = CreateKey {
    ceiling: Ceiling::Unlimited,
    source: KeySource::Operator,
    creator: Creator::Operator,
    created_by: None,
};

impl Permit<ListKeys> {
    /// An operator lists the organization's keys.
    #[must_use]
    pub const fn operator_lists_keys(organization: &Organization) -> Self {
        Self::new(organization.id, Actor::Operator, ListKeys)
    }
}

impl Permit<GetKey> {
    /// An operator looks at a key of the organization.
    #[must_use]
    pub const fn operator_gets_key(organization: &Organization, key: KeyId) -> Self {
        Self::new(organization.id, Actor::Operator, GetKey(Some(key)))
    }
}

impl Permit<CreateKey> {
    /// An operator creates a key in the organization.
    #[must_use]
    pub const fn operator_creates_key(organization: &Organization) -> Self {
        Self::new(organization.id, Actor::Operator, CREATE)
    }

    /// An operator imports a key that was issued elsewhere into the organization.
    #[must_use]
    pub fn operator_imports_key(organization: &Organization) -> Self {
        let import = CreateKey { source: KeySource::Import, ..CREATE };
        Self::new(organization.id, Actor::Operator, import)
    }
}

impl Permit<RevokeKey> {
    /// An operator revokes a key of the organization.
    #[must_use]
    pub const fn operator_revokes_key(organization: &Organization, key: KeyId) -> Self {
        Self::new(organization.id, Actor::Operator, RevokeKey(Some(key)))
    }
}

impl Permit<RevokeLineage> {
    /// An operator revokes a key of the organization and all that were made with it.
    #[must_use]
    pub const fn operator_revokes_lineage(organization: &Organization, key: KeyId) -> Self {
        Self::new(organization.id, Actor::Operator, RevokeLineage(Some(key)))
    }
}

impl Permit<RevokeKeys> {
    /// An operator revokes keys of the organization.
    #[must_use]
    pub const fn operator_revokes_keys(organization: &Organization) -> Self {
        Self::new(organization.id, Actor::Operator, RevokeKeys)
    }
}

impl<A: From<ChangeKey>> Permit<A> {
    /// An operator changes a key of the organization.
    #[must_use]
    pub fn operator_changes_key(organization: &Organization, key: KeyId) -> Self {
        let change = ChangeKey { key: Some(key), creating: Ok(CREATE) };
        Self::new(organization.id, Actor::Operator, change.into())
    }
}

impl Permit<RotateKey> {
    /// An operator gives a key of the organization another secret.
    #[must_use]
    pub const fn operator_rotates_key(organization: &Organization, key: KeyId) -> Self {
        let rotate = RotateKey { key: Some(key), creating: Ok(CREATE), itself: None };
        Self::new(organization.id, Actor::Operator, rotate)
    }
}

impl Permit<FinishRotation> {
    /// The service does what was asked of it when this key was rotated.
    pub(crate) fn to_finish_an_idle_rotation(key: &ApiKey) -> Self {
        let change = ChangeKey { key: Some(key.id), creating: Ok(CREATE) };
        Self::new(key.organization_id, Actor::Operator, change.into())
    }
}

impl Permit<ManageOrganizations> {
    /// An operator creates, renames, suspends or resumes the organization.
    #[must_use]
    pub const fn operator_manages(organization: OrganizationId) -> Self {
        Self::new(organization, Actor::Operator, ManageOrganizations)
    }
}
