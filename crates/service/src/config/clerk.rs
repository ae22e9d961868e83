//! Sessions at Clerk.

use std::{collections::BTreeMap, num::NonZeroU32, path::PathBuf};

use capykeys_clerk::InstanceSettings;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    forms::{list, whole_seconds},
    roles::{self, ScopeNames},
    rule,
};

/// Which Clerk instances' sessions are accepted; without one, none is.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Clerk {
    /// Whether an organization that is known at Clerk alone is created here.
    pub(crate) provisioning: Provisioning,
    /// What every role is granted that has no row in `roles`.
    pub(crate) other_roles: ScopeNames,
    /// What roles are granted, by their names.
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
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Instance {
    /// The tokens' `iss`, such as `https://clerk.example.com`.
    pub(crate) issuer: String,
    /// Where its public keys are: `https://clerk.example.com/.well-known/jwks.json`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rule::serialize_shown")]
    pub(crate) jwks_url: Option<Url>,
    /// Or a file with its public key (PEM).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pem_file: Option<PathBuf>,
    /// What must be in the tokens' `aud`; without it, a token that has one is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) audience: Option<String>,
    /// How long a token may live, from its `iat` to its `exp`.
    #[serde(default = "max_lifetime_seconds")]
    pub(crate) max_lifetime_seconds: NonZeroU32,
    /// The origins (`azp`) whose tokens are accepted; all where it is empty.
    #[serde(default, deserialize_with = "list")]
    pub(crate) authorized_parties: Vec<String>,
    /// Whether tokens of version 1 are accepted as well.
    #[serde(default)]
    pub(crate) claims_v1: bool,
}

fn max_lifetime_seconds() -> NonZeroU32 {
    whole_seconds(InstanceSettings::DEFAULT_MAX_LIFETIME)
}
