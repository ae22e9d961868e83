//! One key of an organization.

use super::Management;
use crate::{
    model::{ApiKey, Invalid},
    policy::{Denial, GetKey, Permit},
    ports::Unavailable,
};

/// Why nothing was done with a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The organization has no such key.
    #[error("There is no such API key.")]
    NoSuchKey,
    /// The caller may not do it, by now or to this key; the refusal is in the audit log.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The key that it was to be done with was revoked, or disabled, or has expired, after it was authenticated.
    #[error("The calling key is no longer active.")]
    CallerInactive,
    /// A change would break a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The key was revoked: nothing of it changes any more.
    #[error("The API key is revoked.")]
    Revoked,
    /// The key has expired: nothing of it changes any more.
    #[error("The API key has expired.")]
    Expired,
    /// The key is to be given a third secret while two are good: which of them is to go is not for the service to guess.
    #[error("The API key is being rotated: its previous secret is still good. Finish that rotation first.")]
    Rotating,
    /// The key is not as the caller knows it.
    #[error("The API key was changed meanwhile.")]
    Changed,
    /// The store did not do its work.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Management {
    /// The permit's key as it is stored now, whatever its state.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn get_key(&self, permit: &Permit<GetKey>) -> Result<ApiKey, KeyError> {
        let id = permit.action().0.ok_or(KeyError::NoSuchKey)?;
        self.keys.find_key(permit.organization_id(), id).await?.ok_or(KeyError::NoSuchKey)
    }
}
