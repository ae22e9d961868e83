//! How requests behind gateways are authorized.

use std::path::PathBuf;

use capykeys_domain::model::{ExpiryNotices, ScopeCatalogue};
use capykeys_gateway::{Gateways, IdentityHeaders};
use reqwest::header::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConfigError, load_rules, may_be_empty, rule::broken};

/// Headers that gateways, credentials or HTTP itself need.
const MEANT_OTHERWISE: [&str; 14] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "set-cookie",
    "te",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
    "x-api-key",
    "x-capy-cluster-token",
    "x-request-id",
];

/// Authorization of requests behind gateways.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Authorize {
    /// A file with rules that say what each request behind a gateway needs: see docs/gateways.md.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/capykeys/rules.toml")]
    pub(crate) rules_file: Option<PathBuf>,
    /// What the headers are called that name the caller to the upstream.
    pub(crate) headers: Headers,
}

/// What the headers are called that name the caller to the upstream.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Headers {
    /// The header with the id of the caller's organization.
    pub(crate) organization_id: String,
    /// The header with the id of the project that a key is for.
    pub(crate) project_id: String,
    /// The header with the key's id.
    pub(crate) key_id: String,
    /// The header with the user's id.
    pub(crate) user_id: String,
    /// The header with the scopes, a space between each two.
    pub(crate) scopes: String,
    /// The header that says how the caller has signed in.
    pub(crate) auth_source: String,
    /// The header that says when the key ends, in its last days (the longest of `keys.expiry_notices`), and when the
    /// secret before its present one does. Empty to send none.
    pub(crate) key_expires_at: String,
}

impl Default for Headers {
    fn default() -> Self {
        let [organization_id, project_id, key_id, user_id, scopes, auth_source, key_expires_at] =
            IdentityHeaders::DEFAULT.map(str::to_owned);
        Self { organization_id, project_id, key_id, user_id, scopes, auth_source, key_expires_at }
    }
}

impl Authorize {
    pub(crate) fn gateways(
        &self,
        catalogue: &ScopeCatalogue,
        notices: ExpiryNotices,
    ) -> Result<Gateways, ConfigError> {
        let headers = IdentityHeaders::new(self.headers.names().map(|(_, name)| name));
        let headers = headers.map_err(|invalid| broken("internal.authorize.headers", invalid.rule()))?;
        let load = |path| load_rules("internal.authorize.rules_file", path, catalogue);
        let rules = self.rules_file.as_deref().map(load).transpose()?;
        Ok(Gateways { rules, headers, notices })
    }

    /// Checks the names of the headers.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let names = self.headers.names();
        for (at, (setting, name)) in names.iter().enumerate() {
            let setting = format!("internal.authorize.headers.{setting}");
            if name.is_empty() && may_be_empty(&setting) {
                continue;
            }
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                return Err(broken(&setting, "must be the name of a header"));
            }
            if MEANT_OTHERWISE.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(broken(&setting, "is the name of a header that means something else"));
            }
            if let Some((other, _)) = names[..at].iter().find(|(_, other)| other.eq_ignore_ascii_case(name)) {
                return Err(broken(
                    &setting,
                    format_args!("is the same as `internal.authorize.headers.{other}`"),
                ));
            }
        }
        Ok(())
    }
}

impl Headers {
    /// In the order of [`IdentityHeaders`], with what the settings are called.
    fn names(&self) -> [(&'static str, &str); 7] {
        let Self { organization_id, project_id, key_id, user_id, scopes, auth_source, key_expires_at } = self;
        [
            ("organization_id", organization_id),
            ("project_id", project_id),
            ("key_id", key_id),
            ("user_id", user_id),
            ("scopes", scopes),
            ("auth_source", auth_source),
            ("key_expires_at", key_expires_at),
        ]
    }
}
