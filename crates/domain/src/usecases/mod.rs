//! What the service does, on top of the ports, in parts that each have the ports that they need.
//!
//! - [`Verdicts`]: who is who, and what a key is good for.
//! - [`Management`]: what callers do with the keys of their organizations.
//! - [`Operators`]: what somebody does who has access to the store itself.
//!
//! The [`Environment`] is what all of them need.

mod access;
mod authenticate;
mod bring_key;
mod change_key;
mod create_key;
mod environment;
mod finish_idle;
mod get_key;
mod idempotency;
mod list_keys;
mod management;
mod notice_expiry;
mod operators;
mod revoke_key;
mod revoke_keys;
mod rotate_key;
mod sessions;
mod verdicts;
mod viewer;

use core::num::NonZeroU32;

pub use access::AccessError;
pub use authenticate::AuthenticateError;
pub use create_key::{CreateKeyError, CreatedKey};
pub use environment::Environment;
pub use get_key::KeyError;
pub use idempotency::NotRepeated;
pub use list_keys::{KeyPage, PAGE_SIZE};
pub use management::Management;
pub use notice_expiry::ExpiryRound;
pub use operators::{NewOrganization, Operators};
pub use revoke_keys::{Chosen, MOST_REVOKED, RevokedKeys, RevokedLineage};
pub use rotate_key::{RotateKeyRequest, RotationSettings};
pub use sessions::{Provisioning, Sessions};
pub use verdicts::{Verdicts, Verification};
pub use viewer::{AuthSource, Principal, Viewer};

use crate::{
    model::{
        Actor, AuditAction, AuditEvent, AuditOutcome, EventDetails, KeyId, Organization, OrganizationId,
        RequestContext, Timestamp,
    },
    ports::{OrganizationInsertion, Unavailable},
};

/// The event of something that was done.
fn done(
    action: AuditAction,
    at: Timestamp,
    actor: &Actor,
    organization_id: OrganizationId,
    key_id: Option<KeyId>,
    context: &RequestContext,
) -> AuditEvent {
    AuditEvent {
        at,
        action,
        outcome: AuditOutcome::Done,
        actor: actor.clone(),
        organization_id: Some(organization_id),
        target_organization_id: None,
        key_id,
        project_id: None,
        details: EventDetails::default(),
        request: context.clone(),
        occurrences: NonZeroU32::MIN,
    }
}

/// The organization that is stored after its creation.
fn stored(insertion: OrganizationInsertion) -> Result<Organization, Unavailable> {
    // With 62 random bits beside the time a duplicate is a broken random source, not a coincidence.
    insertion.stored().ok_or_else(|| Unavailable::new("entropy", "made an organization's id that exists"))
}
