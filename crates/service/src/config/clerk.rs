//! Sessions at Clerk.

use std::{collections::BTreeMap, path::PathBuf};

use capykeys_clerk::InstanceSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    Period,
    forms::list,
    roles::{self, ScopeNames},
    rule,
};

/// Which Clerk instances' sessions are accepted; without one, none is.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Clerk {
    /// Whether an organization that is known at Clerk, or another provider, alone is created here.
    pub(crate) provisioning: Provisioning,
    /// What every role is granted that has no row in `roles`; `api_keys:read` alone where there is a section `scopes`.
    pub(crate) other_roles: ScopeNames,
    /// What a role is granted, by its name. A row takes nothing from another role.
    #[serde(deserialize_with = "roles::rows")]
    pub(crate) roles: BTreeMap<String, ScopeNames>,
    /// The instances, by names of your own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) instances: BTreeMap<String, Instance>,
}

impl Default for Clerk {
    fn default() -> Self {
        Self {
            provisioning: Provisioning::default(),
            other_roles: roles::default_others(),
            roles: roles::default_rows(),
            instances: BTreeMap::new(),
        }
    }
}

/// Whether an organization that is known at Clerk alone is created here.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Provisioning {
    /// On the first session of one of its administrators.
    #[default]
    Auto,
    /// Never: operators register organizations.
    Registered,
}

impl From<Provisioning> for capykeys_domain::usecases::Provisioning {
    fn from(provisioning: Provisioning) -> Self {
        match provisioning {
            Provisioning::Auto => Self::Auto,
            Provisioning::Registered => Self::Registered,
        }
    }
}

/// One Clerk instance.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Instance {
    /// The tokens' `iss`, to the letter.
    #[schemars(example = &"https://clerk.example.com")]
    pub(crate) issuer: String,
    /// Where its public keys are.
    #[schemars(example = &"https://clerk.example.com/.well-known/jwks.json")]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rule::serialize_shown")]
    pub(crate) jwks_url: Option<Url>,
    /// Instead of `jwks_url`, a file with its public key (PEM). It is read again when it changes.
    #[schemars(example = &"/etc/capykeys/clerk.pem")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pem_file: Option<PathBuf>,
    /// What must be in the tokens' `aud`; without it, a token that has an `aud` is refused.
    #[schemars(example = &"https://api.example.com")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) audience: Option<String>,
    /// How long a token may live, from its `iat` to its `exp`: `10s` to `365d`.
    #[serde(default = "max_lifetime")]
    pub(crate) max_lifetime: Period,
    /// The origins (`azp`) whose tokens are accepted, with commas in the environment; all unless it is set.
    #[schemars(example = ["https://app.example.com"])]
    #[serde(default, deserialize_with = "list")]
    pub(crate) authorized_parties: Vec<String>,
    /// Whether tokens of claims version 1 are accepted too.
    #[serde(default)]
    pub(crate) claims_v1: bool,
}

fn max_lifetime() -> Period {
    InstanceSettings::DEFAULT_MAX_LIFETIME.into()
}
