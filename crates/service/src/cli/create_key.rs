//! `capykeys keys create`.

use capykeys_domain::{
    model::{DeviceName, Invalid, KeyName, KeySpec, OrganizationId, ProjectId, Timestamp},
    secret::{BroughtDigest, BroughtSecret},
    usecases::Environment,
};
use clap::Args;

use super::{organization_id, parse_text};

#[derive(Debug, Args)]
pub(crate) struct CreateKey {
    /// The organization's id.
    #[arg(long, value_parser = organization_id, value_name = "ORGANIZATION_ID")]
    pub(crate) organization: OrganizationId,
    /// What the key is called.
    #[arg(long, value_parser = parse_text(KeyName::parse))]
    pub(crate) name: KeyName,
    /// What it may be used for: a scope of the configuration; may be given several times.
    #[arg(long = "scope", required = true, value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// The one project that it is for.
    #[arg(long, value_parser = parse_text(ProjectId::parse))]
    pub(crate) project_id: Option<ProjectId>,
    /// When it ends, such as 2027-01-31T12:00:00Z.
    #[arg(long, value_parser = expiry)]
    pub(crate) expires_at: Option<Timestamp>,
    /// The device that it is for.
    #[arg(long, value_parser = parse_text(DeviceName::parse))]
    pub(crate) device_name: Option<DeviceName>,
    /// The SHA-256 of a secret that was made elsewhere: `sha256:` and hexadecimal digits or Base64. The key then has that
    /// secret, which must be random, and none is printed.
    #[arg(long, value_name = "DIGEST", value_parser = parse_text(|text| BroughtDigest::parse("digest", text)))]
    pub(crate) digest: Option<BroughtDigest>,
    /// How that secret begins, for people to recognise it: up to 12 characters.
    #[arg(long, value_name = "TEXT", requires = "digest")]
    pub(crate) key_prefix: Option<String>,
}

impl CreateKey {
    /// The secret that is brought.
    ///
    /// # Errors
    /// [`Invalid`] where what it begins with breaks a rule.
    pub(crate) fn secret(&self, environment: &Environment) -> Result<Option<BroughtSecret>, Invalid> {
        let new = |digest: &BroughtDigest| {
            BroughtSecret::new(environment.format(), digest.clone(), self.key_prefix.as_deref())
        };
        self.digest.as_ref().map(new).transpose()
    }

    /// The key that is asked for.
    ///
    /// # Errors
    /// [`Invalid`] where it breaks a rule.
    pub(crate) fn spec(self, environment: &Environment) -> Result<KeySpec, Invalid> {
        let (format, catalogue) = (environment.format(), environment.scopes());
        format.must_not_occur_in("name", Some(self.name.as_str()))?;
        format.must_not_occur_in("device_name", self.device_name.as_ref().map(DeviceName::as_str))?;
        format.must_not_occur_in("project_id", self.project_id.as_ref().map(ProjectId::as_str))?;
        let scopes = catalogue.parse(self.scopes.iter().map(String::as_str))?;
        let mut spec = KeySpec::new(self.name, scopes);
        if let Some(project_id) = self.project_id {
            spec = spec.for_project(project_id, catalogue)?;
        }
        if let Some(expires_at) = self.expires_at {
            spec = spec.expiring_at(expires_at, environment.now())?;
        }
        if let Some(device_name) = self.device_name {
            spec = spec.on_device(device_name);
        }
        Ok(spec)
    }
}

pub(super) fn expiry(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse("expires_at", text).map_err(|error| error.to_string())
}
