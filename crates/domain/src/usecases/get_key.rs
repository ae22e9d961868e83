//! One key of an organization.

use super::Management;
use crate::{
    model::ApiKey,
    policy::{GetKey, Permit},
    ports::Unavailable,
};

/// Why nothing was done with a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The organization has no such key.
    #[error("There is no such API key.")]
    NoSuchKey,
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
