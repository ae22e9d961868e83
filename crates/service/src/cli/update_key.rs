//! `capykeys keys update`.

use capykeys_domain::{
    model::{DeviceName, Invalid, KeyEdit, KeyName, Timestamp},
    usecases::Environment,
};
use clap::Args;

use super::{KeyOf, create_key::expiry, parse_text};

#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = true)]
pub(crate) struct Edit {
    /// What the key is called.
    #[arg(long, value_parser = parse_text(KeyName::parse))]
    pub(crate) name: Option<KeyName>,
    /// What it may be used for, instead of what it may now; may be given several times.
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// When it ends, such as 2027-01-31T12:00:00Z.
    #[arg(long, value_parser = expiry, conflicts_with = "no_expires_at")]
    pub(crate) expires_at: Option<Timestamp>,
    /// It does not end.
    #[arg(long)]
    pub(crate) no_expires_at: bool,
    /// The device that it is for.
    #[arg(long, value_parser = parse_text(DeviceName::parse), conflicts_with = "no_device_name")]
    pub(crate) device_name: Option<DeviceName>,
    /// It is for no device.
    #[arg(long)]
    pub(crate) no_device_name: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateKey {
    #[command(flatten)]
    pub(crate) key: KeyOf,
    #[command(flatten)]
    pub(crate) edit: Edit,
}

impl Edit {
    /// What is to be changed.
    ///
    /// # Errors
    /// [`Invalid`] where it breaks a rule.
    pub(crate) fn of(self, environment: &Environment) -> Result<KeyEdit, Invalid> {
        let scopes = self.scopes.iter().map(String::as_str);
        let scopes = (!self.scopes.is_empty()).then(|| environment.scopes().parse(scopes));
        Ok(KeyEdit {
            name: self.name,
            scopes: scopes.transpose()?,
            expires_at: self.expires_at.map(Some).or(self.no_expires_at.then_some(None)),
            device_name: self.device_name.map(Some).or(self.no_device_name.then_some(None)),
        })
    }
}
