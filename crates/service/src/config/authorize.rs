//! How requests behind gateways are authorized.

use std::path::PathBuf;

use capykeys_domain::usecases::{Gateways, IdentityHeaders};
use serde::{Deserialize, Serialize};

use super::{ConfigError, load_rules};

/// Authorization of requests behind gateways.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Authorize {
    /// A file with rules that say what each request needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rules_file: Option<PathBuf>,
    /// What the headers are called that say who was let through.
    pub(crate) headers: Headers,
}

/// The names of the headers that say who was let through.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Headers {
    pub(crate) organization_id: String,
    pub(crate) project_id: String,
    pub(crate) key_id: String,
    pub(crate) user_id: String,
    pub(crate) scopes: String,
    pub(crate) auth_source: String,
}

impl Default for Headers {
    fn default() -> Self {
        let name = |rest: &str| format!("X-Capy-{rest}");
        Self {
            organization_id: name("Organization-Id"),
            project_id: name("Project-Id"),
            key_id: name("Key-Id"),
            user_id: name("User-Id"),
            scopes: name("Scopes"),
            auth_source: name("Auth-Source"),
        }
    }
}

impl Authorize {
    pub(crate) fn gateways(&self) -> Result<Gateways, ConfigError> {
        let Headers { organization_id, project_id, key_id, user_id, scopes, auth_source } = &self.headers;
        let names = [organization_id, project_id, key_id, user_id, scopes, auth_source];
        let headers = IdentityHeaders::new(names.map(String::as_str)).map_err(|_| {
            let rule = "`internal.authorize.headers` must be six different names of headers";
            ConfigError::Invalid(rule.to_owned())
        })?;
        let rules = self.rules_file.as_deref().map(load_rules).transpose()?;
        Ok(Gateways { rules, headers })
    }
}
