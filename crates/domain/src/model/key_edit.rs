//! What a caller asks to be changed of a key.

use super::{
    ApiKey, DeviceName, Invalid, KeyName, KeySpec, ScopeCatalogue, ScopeSet, Timestamp, key_spec::check_end,
};

/// A change of a key; what is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyEdit {
    /// What a person calls it.
    pub name: Option<KeyName>,
    /// What it may be used for.
    pub scopes: Option<ScopeSet>,
    /// When it ends.
    pub expires_at: Option<Option<Timestamp>>,
    /// The device that it is on.
    pub device_name: Option<Option<DeviceName>>,
}

impl KeyEdit {
    /// The key as it will be.
    ///
    /// # Errors
    /// [`Invalid`] where a new key could not be so.
    pub fn of(&self, key: &ApiKey, catalogue: &ScopeCatalogue, now: Timestamp) -> Result<ApiKey, Invalid> {
        let mut after = key.clone();
        after.name = self.name.clone().unwrap_or(after.name);
        after.device_name = self.device_name.clone().unwrap_or(after.device_name);
        if let Some(scopes) = &self.scopes {
            after.scopes = scopes.clone();
            if let Some(project_id) = key.project_id.clone() {
                KeySpec::new(after.name.clone(), scopes.clone()).for_project(project_id, catalogue)?;
            }
        }
        self.check_end(now)?;
        after.expires_at = self.expires_at.unwrap_or(after.expires_at);
        Ok(after)
    }

    /// Whether the end that is asked for, if one is, lies where that of a new key may.
    ///
    /// # Errors
    /// [`Invalid`] where it does not.
    pub fn check_end(&self, now: Timestamp) -> Result<(), Invalid> {
        self.expires_at.flatten().map_or(Ok(()), |end| check_end(end, now))
    }
}
