//! What a caller asks for when creating a key.

use alloc::format;
use core::time::Duration;

use super::{DeviceName, Invalid, KeyName, ProjectId, ScopeCatalogue, ScopeSet, Timestamp};

/// The longest that a key may live: ten years with their leap days.
pub const MAX_LIFETIME_DAYS: u64 = 3_653;

/// A key to be created, its rules checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    name: KeyName,
    scopes: ScopeSet,
    project_id: Option<ProjectId>,
    expires_at: Option<Timestamp>,
    device_name: Option<DeviceName>,
}

impl KeySpec {
    /// A key for the whole organization that does not expire.
    #[must_use]
    pub const fn new(name: KeyName, scopes: ScopeSet) -> Self {
        Self { name, scopes, project_id: None, expires_at: None, device_name: None }
    }

    /// The same for one project.
    ///
    /// # Errors
    /// [`Invalid`] where a scope reaches beyond a project.
    pub fn for_project(self, project_id: ProjectId, catalogue: &ScopeCatalogue) -> Result<Self, Invalid> {
        if !catalogue.fits_a_project(&self.scopes) {
            let mut beyond = catalogue.beyond_a_project();
            let last = beyond.pop().unwrap_or_default();
            let beyond = beyond.join(", ");
            let rule = format!("must not contain {beyond} or {last} for a key of one project");
            return Err(Invalid::new("scopes", rule));
        }
        Ok(Self { project_id: Some(project_id), ..self })
    }

    /// The same with an end, which must lie after `now` and within [`MAX_LIFETIME_DAYS`].
    ///
    /// # Errors
    /// [`Invalid`] where it does not.
    pub fn expiring_at(self, expires_at: Timestamp, now: Timestamp) -> Result<Self, Invalid> {
        check_end(expires_at, now)?;
        Ok(Self { expires_at: Some(expires_at), ..self })
    }

    /// The same with the device that it is made on.
    #[must_use]
    pub fn on_device(self, device_name: DeviceName) -> Self {
        Self { device_name: Some(device_name), ..self }
    }

    /// What a person calls it.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// What it may be used for.
    #[must_use]
    pub const fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// The one project that it is for.
    #[must_use]
    pub const fn project_id(&self) -> Option<&ProjectId> {
        self.project_id.as_ref()
    }

    /// When it ends.
    #[must_use]
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// The device that it is made on.
    #[must_use]
    pub const fn device_name(&self) -> Option<&DeviceName> {
        self.device_name.as_ref()
    }
}

/// Whether a key may be given this end at `now`.
pub(super) fn check_end(expires_at: Timestamp, now: Timestamp) -> Result<(), Invalid> {
    let latest = now.saturating_add(Duration::from_secs(MAX_LIFETIME_DAYS * 86_400));
    let rule = if expires_at <= now {
        "must lie in the future"
    } else if expires_at > latest {
        "must lie within the next ten years"
    } else {
        return Ok(());
    };
    Err(Invalid::new("expires_at", rule))
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn spec(scopes: &[&str]) -> KeySpec {
        let scopes = ScopeCatalogue::default().parse(scopes.iter().copied()).unwrap();
        KeySpec::new(KeyName::parse("CI").unwrap(), scopes)
    }

    #[test]
    fn a_project_key_carries_no_scope_that_reaches_beyond_it() {
        let (catalogue, project) = (ScopeCatalogue::default(), || ProjectId::parse("p1").unwrap());
        for one in catalogue.definitions() {
            let name = one.scope.as_str();
            let scopes = ["jobs:read", name];
            let made = spec(&scopes[usize::from(name == "jobs:read")..]).for_project(project(), &catalogue);
            assert_eq!(made.is_ok(), one.for_projects, "{name}");
        }
        assert_eq!(
            spec(&["*"]).for_project(project(), &catalogue).unwrap_err().to_string(),
            "`scopes` must not contain *, organizations:… or api_keys:… for a key of one project."
        );
    }

    #[test]
    fn the_end_lies_after_now_and_within_ten_years() {
        let now = Timestamp::parse("t", "2026-01-01T00:00:00Z").unwrap();
        let at = |text| spec(&["jobs:read"]).expiring_at(Timestamp::parse("t", text).unwrap(), now);
        assert!(at("2025-12-31T23:59:59Z").is_err());
        assert!(at("2026-01-01T00:00:00Z").is_err());
        assert!(at("2026-01-01T00:00:00.000001Z").is_ok());
        assert!(at("2036-01-01T00:00:00Z").is_ok());
        assert!(at("2036-01-03T00:00:00Z").is_err());
    }
}
